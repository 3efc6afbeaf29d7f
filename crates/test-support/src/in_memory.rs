//! Connections in memory, on which a paused clock works: the device's connector, and the service's ends.

use provisioning_net::{Connector, ServiceUri};
use provisioning_types::{ErrorKind, Phase, TransportError};
use tokio::{
    io::{DuplexStream, duplex},
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver},
    },
};

use crate::{ConnectWith, soon};

/// Returns a connector, and the service's ends of its connections.
pub fn in_memory() -> (impl Connector + Clone + 'static, Incoming) {
    in_memory_with_buffer(64 * 1024)
}

/// The same, with connections that hold so many bytes in each direction.
pub fn in_memory_with_buffer(bytes: usize) -> (impl Connector + Clone + 'static, Incoming) {
    let (connections, incoming) = mpsc::unbounded_channel();
    let connector = ConnectWith(move |target: &provisioning_net::Target<'_>| {
        let (device, service) = duplex(bytes);
        match connections.send((target.uri().clone(), service)) {
            Ok(()) => Ok(device),
            Err(_) => Err(TransportError::new(ErrorKind::Connect, "the service is gone").in_phase(Phase::Connect)),
        }
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

    /// Waits for the next connection, and also returns what the device connected to.
    pub async fn next_with_uri(&self) -> (ServiceUri, DuplexStream) {
        let connection = soon("a connection", async { self.0.lock().await.recv().await }).await;
        connection.expect("the device lives")
    }

    /// Whether no further connection was made.
    pub async fn is_empty(&self) -> bool {
        self.0.lock().await.is_empty()
    }
}
