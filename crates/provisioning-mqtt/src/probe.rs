//! A connection made for the sake of what its steps show: what `dps doctor` is made of.

use std::{fmt, net::SocketAddr, time::Duration};

use provisioning_types::{ErrorKind, Phase, TransportError, X509Credential};
use tokio::time::timeout;

use crate::{BoxedStream, Proxy, ServiceUri, TlsConnector, TlsVersion, connector::Seen};

/// How long a probe may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What the steps of one connection showed, up to and including TLS.
///
/// The steps are, in this order: the name is resolved, the service is reached over TCP (with a proxy, which resolves
/// the
/// name in that case, these two are one), and TLS stands. Those before the one that failed were done.
pub struct Probe {
    proxy: Option<Proxy>,
    seen: Seen,
    outcome: Result<Option<BoxedStream>, TransportError>,
}

impl TlsConnector {
    /// Does what a connection to `uri` does, up to and including TLS and through the proxy if there is one, and keeps
    /// what each step showed. Ends within 10 s: what has not been done by then has failed.
    ///
    /// A client certificate that the server rejects shows here under TLS 1.2; under TLS 1.3 only when the stream is
    /// read.
    ///
    /// # Cancel safety
    /// Dropping the future closes what was made so far.
    pub async fn probe(&self, uri: &ServiceUri, x509: Option<&X509Credential>) -> Probe {
        let mut seen = Seen::default();
        let outcome = timeout(LIMIT, self.open(uri, x509, &mut seen)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(too_late(uri, &seen)));
        Probe {
            proxy: self.proxy_for(uri).cloned(),
            seen,
            outcome: outcome.map(Some),
        }
    }
}

fn too_late(uri: &ServiceUri, seen: &Seen) -> TransportError {
    let (host, port, limit) = (uri.host(), uri.port(), LIMIT.as_secs());
    let (kind, message) = if seen.reached {
        (
            ErrorKind::Tls,
            format!("{host}:{port} did not complete TLS within {limit} s"),
        )
    } else {
        (
            ErrorKind::Connect,
            format!("{host} was not reached on TCP port {port} within {limit} s"),
        )
    };
    TransportError::new(kind, message).in_phase(Phase::Connect)
}

impl Probe {
    /// The proxy that the connection goes through, if one does.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The service's addresses; empty when its name was not resolved, or was the proxy's to resolve.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.seen.addresses
    }

    /// Whether the service was reached over TCP.
    pub fn is_reached(&self) -> bool {
        self.seen.reached
    }

    /// The version of TLS that is spoken, once TLS stands.
    pub fn tls_version(&self) -> Option<TlsVersion> {
        self.seen.tls.version
    }

    /// The certificates that the server presented, each in DER, leaf first; also when they are not trusted. Empty when
    /// it presented none.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.seen.tls.chain().iter().map(AsRef::as_ref)
    }

    /// Whether the server's certificate was accepted: its signer, its name and its dates. `None` when it presented
    /// none.
    pub fn is_trusted(&self) -> Option<bool> {
        self.seen.tls.trusted()
    }

    /// Why the first step that was not done was not.
    pub fn error(&self) -> Option<&TransportError> {
        self.outcome.as_ref().err()
    }

    /// The open stream, once TLS stands, to go on with; it can be taken once.
    pub fn take_stream(&mut self) -> Option<BoxedStream> {
        self.outcome.as_mut().ok()?.take()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("proxy", &self.proxy)
            .field("seen", &self.seen)
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}
