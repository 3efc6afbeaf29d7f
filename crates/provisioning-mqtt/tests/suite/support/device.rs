//! A device whose connections end at a scripted peer.

use std::sync::Arc;

use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::Connector;
use provisioning_types::{
    Endpoint, PollingTransport, Progress, RegistrationRequest, Request, Response, TransportError,
};
use test_support::{Call, Incoming, in_memory, in_memory_with_buffer, request_of, soon};
use tokio::io::DuplexStream;

use super::{bodies::ASSIGNING, identity::any_identity, peer::Peer};

/// The host that requests go to.
pub(crate) const HOST: &str = "service.test";

pub(crate) struct Device {
    pub(crate) transport: Arc<MqttTransport>,
    incoming: Incoming,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::with_options(MqttOptions::default())
    }

    pub(crate) fn with_options(options: MqttOptions) -> Self {
        Self::over(in_memory(), options)
    }

    /// A device whose connections buffer this many bytes in each direction.
    pub(crate) fn narrow(bytes: usize) -> Self {
        Self::narrow_with(bytes, MqttOptions::default())
    }

    /// The same, with options.
    pub(crate) fn narrow_with(bytes: usize, options: MqttOptions) -> Self {
        Self::over(in_memory_with_buffer(bytes), options)
    }

    fn over((connector, incoming): (impl Connector + 'static, Incoming), options: MqttOptions) -> Self {
        Self {
            transport: Arc::new(transport(connector, options)),
            incoming,
        }
    }

    /// A connected device, whose first registration request was answered.
    pub(crate) async fn connected() -> (Self, Peer) {
        Self::new().connect().await
    }

    pub(crate) async fn connect(self) -> (Self, Peer) {
        let register = self.register();
        let mut peer = self.peer().await;
        peer.welcome().await;
        let request = peer.request().await;
        peer.acknowledge(&request).await;
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
        (self, peer)
    }

    /// The service's end of the next connection, as a byte stream.
    pub(crate) async fn stream(&self) -> DuplexStream {
        self.incoming.next().await
    }

    /// The service's end of the next connection.
    pub(crate) async fn peer(&self) -> Peer {
        Peer::new(self.stream().await)
    }

    /// Whether no further connection was made.
    pub(crate) async fn made_no_connection(&self) -> bool {
        self.incoming.is_empty().await
    }

    pub(crate) async fn cancel(&self) {
        soon("cancel", self.transport.cancel()).await.expect("cancelled");
    }

    pub(crate) async fn disconnect(&self) {
        let left = soon("disconnect", self.transport.disconnect()).await;
        left.expect("disconnected");
    }

    /// Waits until the connection is lost, and returns the reason.
    pub(crate) async fn lost(&self) -> TransportError {
        soon("the loss", self.transport.connection_lost()).await
    }

    pub(crate) fn register(&self) -> Call<Response> {
        self.register_with(request())
    }

    pub(crate) fn register_with(&self, request: RegistrationRequest) -> Call<Response> {
        self.ask(Asked::Register, request)
    }

    pub(crate) fn query(&self, operation_id: &'static str) -> Call<Response> {
        self.ask(Asked::Query(operation_id), request())
    }

    pub(crate) fn ask(&self, asked: Asked, request: RegistrationRequest) -> Call<Response> {
        let transport = Arc::clone(&self.transport);
        Call::start(async move {
            let asked = asked.request();
            transport.send(&request, &asked, Progress::ignored()).await
        })
    }
}

/// One of the two requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    Register,
    Query(&'static str),
}

impl Asked {
    pub(crate) const QUERY: Self = Self::Query("4.op");
    pub(crate) const BOTH: [Self; 2] = [Self::Register, Self::QUERY];

    /// Sends the request, and returns its outcome.
    pub(crate) async fn of(
        self,
        transport: &dyn PollingTransport,
        registration: &RegistrationRequest,
    ) -> Result<Response, TransportError> {
        let request = self.request();
        let sending = transport.send(registration, &request, Progress::ignored());
        soon("an outcome", sending).await
    }

    fn request(self) -> Request {
        match self {
            Self::Register => Request::Register,
            Self::Query(operation_id) => Request::Query {
                operation_id: operation_id.to_owned(),
            },
        }
    }
}

/// A transport over these connections, with any identity.
pub(crate) fn transport(connector: impl Connector + 'static, options: MqttOptions) -> MqttTransport {
    MqttTransport::new(connector, endpoint(), any_identity(), options)
}

pub(crate) fn endpoint() -> Endpoint {
    HOST.parse().expect("a host")
}

pub(crate) fn request() -> RegistrationRequest {
    request_of("device-1")
}
