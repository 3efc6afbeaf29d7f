//! A connection that keeps what its steps showed, for diagnosis.

use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use provisioning_types::{ErrorKind, Phase, Progress, TransportError, WaitStep};

use crate::{
    address::{AddressAttempt, NotResolved, System},
    connector::BoxedStream,
    deadline::Deadline,
    proxy::Proxy,
    target::Target,
    tcp::ConnectReport,
    tls::{TlsConnector, TlsFailure, TlsReport, TlsVersion, handshake, issuer_name},
};

/// What the steps of one connection showed, up to and including TLS.
///
/// The steps are, in this order: the name is resolved, the service is reached over TCP (through a proxy, which resolves
/// the name, these two are one step), and the TLS handshake is completed. The steps before the one that failed were
/// done.
pub struct Probe {
    proxy: Option<Proxy>,
    addresses: Vec<SocketAddr>,
    tcp: ConnectReport,
    tls: TlsReport,
    /// The stream until it is taken; in a mutex, with which a probe is `Sync` although a stream may not be.
    outcome: Result<Mutex<Option<BoxedStream>>, TransportError>,
}

impl TlsConnector {
    /// Does what a connection to the target does, up to and including TLS and through the proxy if there is one, and
    /// keeps what each step showed. The [connect timeout](crate::TcpConnector::with_connect_timeout) limits the
    /// connection, then the preparation of TLS (a turn with an external key, trusted roots from files), and then the
    /// handshake.
    ///
    /// A client certificate that the server rejects shows here under TLS 1.2; under TLS 1.3 only when the stream is
    /// read.
    ///
    /// # Cancel safety
    /// Dropping the future closes what was made so far.
    pub async fn probe(&self, target: &Target<'_>) -> Probe {
        let (mut tcp, mut tls) = (ConnectReport::default(), TlsReport::default());
        let outcome = self.open(target, &mut tcp, &mut tls).await;
        Probe {
            addresses: tcp.attempts.iter().map(AddressAttempt::address).collect(),
            proxy: self.inner.proxy_for(target.uri()).cloned(),
            tcp,
            tls,
            outcome: outcome.map(|stream| Mutex::new(Some(stream))),
        }
    }

    /// Connects, step by step. The settings of TLS are looked at last, so that what is wrong with them does not hide
    /// whether the service can be reached.
    async fn open(
        &self,
        target: &Target<'_>,
        tcp: &mut ConnectReport,
        tls: &mut TlsReport,
    ) -> Result<BoxedStream, TransportError> {
        let stream = self.inner.open(&System, target, Progress::ignored(), tcp).await?;
        let late = |kind, message| TransportError::new(kind, message).in_phase(Phase::Connect);
        let deadline = Deadline::after(self.inner.connect_timeout());
        let config = deadline.limit(self.config(target, tls)).await.unwrap_or_else(|_| {
            let message = format!("this device's key or trusted roots were not available within {deadline}");
            Err(late(ErrorKind::Local, message))
        })?;
        let deadline = Deadline::after(self.inner.connect_timeout());
        let secured = deadline.limit(handshake(stream, target, config, tls)).await;
        let secured = secured.unwrap_or_else(|_| {
            let message = format!("{} did not complete TLS within {deadline}", target.peer());
            Err(late(ErrorKind::Timeout, message).with_hint(WaitStep::Tls.hint()))
        });
        secured.map_err(|error| match self.inner.proxy_for(target.uri()) {
            Some(proxy) => error.through_proxy(proxy),
            None => error,
        })
    }
}

impl Probe {
    /// The proxy that the connection goes through, if one does.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The service's addresses in the order in which they are tried; empty when its name was not resolved, or when the
    /// proxy resolves it.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether the resolver of names did not answer in time.
    pub fn is_resolver_silent(&self) -> bool {
        let source = self.error().and_then(Error::source);
        let reason = source.and_then(|source| source.downcast_ref::<NotResolved>());
        matches!(reason, Some(NotResolved::NoAnswer))
    }

    /// The same addresses with what became of each.
    pub fn attempts(&self) -> &[AddressAttempt] {
        &self.tcp.attempts
    }

    /// Whether the service was reached over TCP.
    pub fn is_reached(&self) -> bool {
        self.tcp.reached
    }

    /// The version of TLS, once the handshake is completed.
    pub fn tls_version(&self) -> Option<TlsVersion> {
        self.tls.version
    }

    /// Why the TLS handshake failed. `None` if it did not, or if only the message of [`error`](Self::error) explains
    /// it.
    pub fn tls_failure(&self) -> Option<TlsFailure> {
        self.tls.failure
    }

    /// The certificates that the server presented, each in DER, leaf first; also when they are not trusted. Empty when
    /// it presented none.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.tls.chain().iter().map(AsRef::as_ref)
    }

    /// The name of the CA that signed the last of these certificates, at most 100 characters, which the server chose: the
    /// common name and the organization, or else the whole name.
    pub fn issuer(&self) -> Option<String> {
        issuer_name(self.tls.chain().last()?).map(Into::into)
    }

    /// Whether the server's certificate was accepted: its signer, its name and its dates. `None` when it presented
    /// none.
    pub fn is_trusted(&self) -> Option<bool> {
        self.tls.is_trusted()
    }

    /// The error of the first failed step.
    pub fn error(&self) -> Option<&TransportError> {
        self.outcome.as_ref().err()
    }

    /// The open stream, once the TLS handshake is completed. It can be taken once.
    pub fn take_stream(&mut self) -> Option<BoxedStream> {
        let stream = self.outcome.as_mut().ok()?.get_mut();
        stream.unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("proxy", &self.proxy)
            .field("tcp", &self.tcp)
            .field("tls", &self.tls)
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}
