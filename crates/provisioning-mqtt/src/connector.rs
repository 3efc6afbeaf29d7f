//! Byte streams to the service, on which everything else stands.

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Host, Phase, TransportError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{ProxyRules, Tls, TransportConfig};

/// Bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// A byte stream of any making.
pub type BoxedStream = Box<dyn ByteStream>;

/// Makes a byte stream to the service, ready for MQTT.
///
/// # Cancel safety
/// Dropping the future closes what was made so far.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Connects to `config.uri`, presenting `config.x509` if TLS is involved.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when the host was not reached, [`ErrorKind::Tls`] when TLS failed, and what a carrier in
    /// between (a WebSocket, a proxy) reports.
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError>;
}

/// TLS over TCP, directly or through a proxy.
#[derive(Debug, Clone)]
pub struct TlsConnector {
    tls: Tls,
    proxy: ProxyRules,
}

impl TlsConnector {
    /// Connects with these TLS settings.
    pub fn new(tls: Tls) -> Self {
        Self {
            tls,
            proxy: ProxyRules::default(),
        }
    }

    /// Connects through a [`Proxy`](crate::Proxy), or as [`ProxyRules`] say. TLS is with the service all the same: the
    /// proxy sees which host and port it is, and how much is said.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<ProxyRules>) -> Self {
        self.proxy = proxy.into();
        self
    }
}

#[async_trait]
impl Connector for TlsConnector {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        let stream = self.proxy.open(config.uri.host(), config.uri.port()).await?;
        self.tls.handshake(stream, config).await
    }
}

pub(crate) async fn tcp(host: &Host, port: u16) -> Result<TcpStream, TransportError> {
    let host = host.bare();
    let failed = |message: String, error: std::io::Error| {
        TransportError::new(ErrorKind::Connect, message)
            .with_source(error)
            .in_phase(Phase::Connect)
    };
    let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(|error| failed(format!("the name {host} was not resolved"), error))?
        .collect();
    let stream = TcpStream::connect(addresses.as_slice())
        .await
        .map_err(|error| failed(format!("{host} was not reached on TCP port {port}"), error))?;
    // Small packets, each of which somebody waits for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    Ok(stream)
}
