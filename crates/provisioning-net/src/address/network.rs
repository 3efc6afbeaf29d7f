//! How a name is resolved and an address is connected to: by the system, or by a test.

use std::{io, net::SocketAddr};

use provisioning_types::Host;
use tokio::net::TcpStream;

use crate::connector::ByteStream;

/// The two operations that reaching a host needs. Dropping a future ends the operation for the caller.
pub(crate) trait Network: Send + Sync {
    type Stream: ByteStream;

    fn resolve(&self, host: &Host, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The system's resolver, and TCP.
pub(crate) struct System;

impl Network for System {
    type Stream = TcpStream;

    /// The system's resolver blocks a thread of the runtime's pool. The thread goes on when the future is dropped.
    async fn resolve(&self, host: &Host, port: u16) -> io::Result<Vec<SocketAddr>> {
        let host = host.bare();
        Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect())
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
