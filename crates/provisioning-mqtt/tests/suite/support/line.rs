//! In-memory connections between a device and a service.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_mqtt::MqttOptions;
use provisioning_net::{BoxedStream, Connector, Target};
use provisioning_types::{Identity, Progress, TransportError};
use tokio::{
    io::{DuplexStream, duplex},
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
};

use super::{identity::any_identity, soon};

/// How a device's connections are made.
pub(crate) struct Line {
    /// How many bytes may be on their way in each direction.
    pub(crate) buffer: usize,
    pub(crate) options: MqttOptions,
    pub(crate) identity: Arc<dyn Identity>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            buffer: 64 * 1024,
            options: MqttOptions::default(),
            identity: any_identity(),
        }
    }
}

impl Line {
    /// A line through which only so many bytes pass at a time.
    pub(crate) fn narrow(buffer: usize) -> Self {
        Self {
            buffer,
            ..Self::default()
        }
    }

    /// What makes the connections, and where their other ends come out.
    pub(crate) fn connector(&self) -> (impl Connector + 'static, Incoming) {
        let (streams, incoming) = mpsc::unbounded_channel();
        let connector = Duplex {
            buffer: self.buffer,
            streams,
        };
        (connector, Incoming(Mutex::new(incoming)))
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
    streams: UnboundedSender<DuplexStream>,
}

#[async_trait]
impl Connector for Duplex {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        let (device, service) = duplex(self.buffer);
        self.streams.send(service).expect("the test goes on");
        Ok(Box::new(device))
    }
}
