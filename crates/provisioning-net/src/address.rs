//! Name resolution, and TCP to the first address that can be reached.

use std::{error::Error, io, net::SocketAddr};

use provisioning_types::{ErrorKind, Host, Phase, TransportError};
use tokio::net::TcpStream;

/// What a closed port 8883 usually means.
const PORT_8883_HINT: &str = "check the host name and the network; many firewalls block port 8883: try a WebSocket (port \
                              443), or a proxy";

/// Marks a failed name resolution, to tell it from a host that was not reached.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct NotResolved(io::Error);

/// The addresses of the host.
pub(crate) async fn resolve(host: &Host, port: u16) -> Result<Vec<SocketAddr>, TransportError> {
    let host = host.bare();
    match tokio::net::lookup_host((host.as_str(), port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(
            not_reached(format!("the name {host} was not resolved"), NotResolved(error))
                .with_hint("check the host name, and whether this machine has a DNS server that knows it"),
        ),
    }
}

/// Connects to the first of the host's addresses that can be reached.
pub(crate) async fn connect(host: &Host, port: u16, addresses: &[SocketAddr]) -> Result<TcpStream, TransportError> {
    let stream = TcpStream::connect(addresses).await.map_err(|error| {
        let failed = not_reached(format!("{} was not reached on TCP port {port}", host.bare()), error);
        match port {
            8883 => failed.with_hint(PORT_8883_HINT),
            _ => failed,
        }
    })?;
    // The peer waits for each of these small packets.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    Ok(stream)
}

fn not_reached(message: String, cause: impl Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(ErrorKind::Connect, message)
        .with_source(cause)
        .in_phase(Phase::Connect)
}
