//! Name resolution on a thread of its own.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use provisioning_types::TransportError;

use super::on_thread;

/// The addresses of the host, as the system resolves its name; an IP address needs no thread. tokio's own lookup panics
/// where the system gives no further thread, and a runtime waits for it when it shuts down.
///
/// # Errors
/// The outer one says that the system gives no thread, the inner one is the resolver's.
pub(crate) async fn lookup_host(host: &str, port: u16) -> Result<io::Result<Vec<SocketAddr>>, TransportError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Ok(vec![SocketAddr::new(ip, port)]));
    }
    let host = host.to_owned();
    let resolving = on_thread(move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    let resolved = resolving.await?;
    Ok(resolved.unwrap_or_else(|| Err(io::Error::other("the resolver panicked"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_and_an_address_are_resolved_and_the_resolvers_error_is_kept() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            let addresses = lookup_host(host, 1).await.expect("a thread").expect("an address");
            assert!(
                addresses.iter().all(|address| address.ip().is_loopback()),
                "{addresses:?}"
            );
            assert!(!addresses.is_empty());
        }
        assert!(lookup_host("no such name", 1).await.expect("a thread").is_err());
    }
}
