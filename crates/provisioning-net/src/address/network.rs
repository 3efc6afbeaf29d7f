//! How a name is resolved and an address is connected to: by the system, or by a test.

use std::{io, net::SocketAddr};

use provisioning_types::{Host, TransportError};
use tokio::net::TcpStream;

use crate::{blocking::lookup::lookup_host, connector::ByteStream, exhausted::lack_of_sockets};

/// The two operations that reaching a host needs. Dropping a future ends the operation for the caller.
pub(crate) trait Network: Send + Sync {
    type Stream: ByteStream;

    /// The outer error says that there is no thread to resolve the name on, the inner one is the resolver's.
    fn resolve(
        &self,
        host: &Host,
        port: u16,
    ) -> impl Future<Output = Result<io::Result<Vec<SocketAddr>>, TransportError>> + Send;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The system's resolver, and TCP.
pub(crate) struct System;

impl Network for System {
    type Stream = TcpStream;

    /// The system's resolver blocks a thread of its own. The thread goes on when the future is dropped.
    async fn resolve(&self, host: &Host, port: u16) -> Result<io::Result<Vec<SocketAddr>>, TransportError> {
        let found = lookup_host(&host.bare(), port).await?;
        Ok(found.map_err(|error| lack_of_sockets().unwrap_or(error)))
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // The peer waits for each of these small packets.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        Ok(stream)
    }
}
