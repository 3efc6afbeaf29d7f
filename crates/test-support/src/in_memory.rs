//! In-memory connections, which work with a paused clock: the device's connector, and the service's ends.

use async_trait::async_trait;
use provisioning_net::{BoxedStream, ByteStream, Connector, ServiceUri, Target};
use provisioning_types::{ErrorKind, Phase, Progress, TransportError};
use tokio::{
    io::{DuplexStream, duplex},
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver},
    },
};

use crate::soon;

/// A connector that reports its target's URI, and connects with a function.
#[derive(Debug, Clone)]
pub struct ConnectWith<F>(pub F);

#[async_trait]
impl<F, S> Connector for ConnectWith<F>
where
    F: Fn(&Target<'_>) -> Result<S, TransportError> + Send + Sync,
    S: ByteStream,
{
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        Ok(Box::new(self.0(target)?))
    }
}

/// Returns a connector, and the service's ends of its connections.
pub fn in_memory() -> (impl Connector + Clone + 'static, Incoming) {
    in_memory_with_buffer(64 * 1024)
}

/// The same, with connections that buffer this many bytes in each direction.
pub fn in_memory_with_buffer(bytes: usize) -> (impl Connector + Clone + 'static, Incoming) {
    let (connections, incoming) = mpsc::unbounded_channel();
    let connector = ConnectWith(move |target: &Target<'_>| {
        let (device, service) = duplex(bytes);
        let sent = connections.send((target.uri().clone(), service));
        let gone = |_| TransportError::new(ErrorKind::Connect, "the service is gone").in_phase(Phase::Connect);
        sent.map(|()| device).map_err(gone)
    });
    (connector, Incoming(Mutex::new(incoming)))
}

/// The service's ends of the connections, in the order in which they were made.
#[derive(Debug)]
pub struct Incoming(Mutex<UnboundedReceiver<(ServiceUri, DuplexStream)>>);

impl Incoming {
    /// Waits for the next connection.
    pub async fn next(&self) -> DuplexStream {
        self.next_with_uri().await.1
    }

    /// Waits for the next connection, and returns it with the URI that the device connected to.
    pub async fn next_with_uri(&self) -> (ServiceUri, DuplexStream) {
        let connection = soon("a connection", async { self.0.lock().await.recv().await }).await;
        connection.expect("the device still exists")
    }

    /// Whether no further connection was made.
    pub async fn is_empty(&self) -> bool {
        self.0.lock().await.is_empty()
    }
}
