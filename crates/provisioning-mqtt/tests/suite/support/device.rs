//! A device whose connections end at a scripted peer.

use std::sync::Arc;

use provisioning_mqtt::MqttTransport;
use provisioning_types::{
    Endpoint, IdScope, PollingTransport, Progress, RegistrationId, RegistrationRequest, Request, Response,
    TransportError,
};
use tokio::{io::DuplexStream, task::JoinHandle};

use super::{
    bodies::ASSIGNING,
    line::{Incoming, Line},
    peer::Peer,
    soon,
};

/// The host that requests go to.
pub(crate) const HOST: &str = "service.test";

pub(crate) struct Device {
    pub(crate) transport: Arc<MqttTransport>,
    incoming: Incoming,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self::on(Line::default())
    }

    pub(crate) fn on(line: Line) -> Self {
        let (connector, incoming) = line.connector();
        let transport = MqttTransport::new(connector, endpoint(), line.identity, line.options);
        Self {
            transport: Arc::new(transport),
            incoming,
        }
    }

    /// A device with a connection that stands, left by a registration that was answered.
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
        register.answer().await;
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

    /// Why the connection was lost.
    pub(crate) async fn lost(&self) -> TransportError {
        soon("the loss", self.transport.connection_lost()).await
    }

    pub(crate) fn register(&self) -> Call {
        self.register_with(request())
    }

    pub(crate) fn register_with(&self, request: RegistrationRequest) -> Call {
        self.ask(Asked::Register, request)
    }

    pub(crate) fn query(&self, operation_id: &'static str) -> Call {
        self.ask(Asked::Query(operation_id), request())
    }

    pub(crate) fn ask(&self, asked: Asked, request: RegistrationRequest) -> Call {
        let transport = Arc::clone(&self.transport);
        Call(tokio::spawn(async move { asked.sent(&*transport, &request).await }))
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

    /// What comes of it, unless it hangs.
    pub(crate) async fn of(
        self,
        transport: &dyn PollingTransport,
        registration: &RegistrationRequest,
    ) -> Result<Response, TransportError> {
        soon("an outcome", self.sent(transport, registration)).await
    }

    /// What comes of it, however long it takes.
    async fn sent(
        self,
        transport: &dyn PollingTransport,
        registration: &RegistrationRequest,
    ) -> Result<Response, TransportError> {
        transport.send(registration, &self.request(), Progress::ignored()).await
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

/// A request in flight, in a task of its own.
pub(crate) struct Call(JoinHandle<Result<Response, TransportError>>);

impl Call {
    pub(crate) async fn outcome(self) -> Result<Response, TransportError> {
        soon("an outcome", self.0).await.expect("the request does not panic")
    }

    pub(crate) async fn answer(self) -> Response {
        self.outcome().await.expect("an answer")
    }

    pub(crate) async fn error(self) -> TransportError {
        self.outcome().await.expect_err("no answer")
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Drops the request's future.
    pub(crate) async fn forget(self) {
        self.0.abort();
        assert!(self.0.await.is_err_and(|error| error.is_cancelled()));
    }
}

pub(crate) fn endpoint() -> Endpoint {
    HOST.parse().expect("a host")
}

pub(crate) fn request() -> RegistrationRequest {
    request_of("device-1")
}

pub(crate) fn request_of(registration_id: &str) -> RegistrationRequest {
    RegistrationRequest::new(
        IdScope::new("0ne00A1B2C3").expect("an id scope"),
        RegistrationId::new(registration_id).expect("a registration id"),
    )
}
