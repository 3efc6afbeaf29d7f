//! In-memory connections between a device and a service.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_mqtt::{BoxedStream, Connector, MqttOverStream, Settings, Tls, TransportConfig};
use provisioning_types::{Credential, TransportError};
use tokio::{
    io::{DuplexStream, duplex},
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
};

use super::{certificates, soon};

/// How a device's connections are made.
pub(crate) struct Line {
    /// How many bytes may be on their way in each direction.
    pub(crate) buffer: usize,
    pub(crate) tls: Option<Tls>,
    pub(crate) settings: Settings,
    pub(crate) credential: Credential,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            buffer: 64 * 1024,
            tls: None,
            settings: Settings::default(),
            credential: certificates::any_credential(),
        }
    }
}

impl Line {
    /// A plain line through which only so many bytes pass at a time.
    pub(crate) fn narrow(buffer: usize) -> Self {
        Self {
            buffer,
            ..Self::default()
        }
    }

    /// What makes the connections, and where their other ends come out.
    pub(crate) fn base(&self) -> (MqttOverStream, Incoming) {
        let (streams, incoming) = mpsc::unbounded_channel();
        let connector = Duplex {
            buffer: self.buffer,
            tls: self.tls.clone(),
            streams,
        };
        (MqttOverStream::new(Arc::new(connector)), Incoming(Mutex::new(incoming)))
    }
}

/// The service's ends of the connections.
pub(crate) struct Incoming(Mutex<UnboundedReceiver<DuplexStream>>);

impl Incoming {
    pub(crate) async fn next(&self) -> DuplexStream {
        let stream = soon("a connection", self.0.lock().await.recv()).await;
        stream.expect("the device lives")
    }

    pub(crate) async fn is_empty(&self) -> bool {
        self.0.lock().await.is_empty()
    }
}

struct Duplex {
    buffer: usize,
    tls: Option<Tls>,
    streams: UnboundedSender<DuplexStream>,
}

#[async_trait]
impl Connector for Duplex {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        let (device, service) = duplex(self.buffer);
        self.streams.send(service).expect("the test goes on");
        match &self.tls {
            Some(tls) => tls.handshake(Box::new(device), config).await,
            None => Ok(Box::new(device)),
        }
    }
}
