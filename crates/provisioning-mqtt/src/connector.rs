//! Byte streams to the service, on which everything else stands.

use std::{error::Error, io, net::SocketAddr};

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Host, Phase, TransportError, X509Credential};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{Proxy, ProxyRules, ServiceUri, Tls, TransportConfig, tls::TlsSeen};

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

    /// Where [`connect`](Self::connect) goes first: `config.uri`, unless a connector knows better. Whoever asks it to
    /// connect reports this; what it tries after that it reports itself, to `config.progress`.
    fn first_uri(&self, config: &TransportConfig) -> ServiceUri {
        config.uri.clone()
    }
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
        self.open(&config.uri, config.x509.as_ref(), &mut Seen::default()).await
    }
}

impl TlsConnector {
    /// Connects, step by step; `seen` has what the steps showed, also when one fails or the future is dropped.
    pub(crate) async fn open(
        &self,
        uri: &ServiceUri,
        x509: Option<&X509Credential>,
        seen: &mut Seen,
    ) -> Result<BoxedStream, TransportError> {
        let (host, port) = (uri.host(), uri.port());
        let stream: BoxedStream = match self.proxy_for(uri) {
            Some(proxy) => proxy.open(host, port).await?,
            None => {
                seen.addresses = resolve(host, port).await?;
                Box::new(tcp(host, port, &seen.addresses).await?)
            }
        };
        seen.reached = true;
        self.tls
            .shake_hands(stream, uri.server_name(), x509, &mut seen.tls)
            .await
    }

    pub(crate) fn proxy_for(&self, uri: &ServiceUri) -> Option<&Proxy> {
        self.proxy.proxy_for(uri.host(), uri.port())
    }
}

/// What the steps of a connection showed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The service's, where this side resolves its name.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The service was reached over TCP.
    pub(crate) reached: bool,
    pub(crate) tls: TlsSeen,
}

/// Marks the failure of a name's resolution, so that it can be told from a host that was not reached.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct NotResolved(io::Error);

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
pub(crate) async fn tcp(host: &Host, port: u16, addresses: &[SocketAddr]) -> Result<TcpStream, TransportError> {
    let stream = TcpStream::connect(addresses).await.map_err(|error| {
        let failed = not_reached(format!("{} was not reached on TCP port {port}", host.bare()), error);
        match port {
            8883 => failed.with_hint(BLOCKED),
            _ => failed,
        }
    })?;
    // Small packets, each of which somebody waits for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    Ok(stream)
}

/// What a closed port 8883 usually means.
const BLOCKED: &str = "check the host name and the network; many firewalls block port 8883: try a WebSocket (port 443), \
                       or a proxy";

fn not_reached(message: String, cause: impl Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(ErrorKind::Connect, message)
        .with_source(cause)
        .in_phase(Phase::Connect)
}
