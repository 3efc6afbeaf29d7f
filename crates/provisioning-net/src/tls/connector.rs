//! TLS over the byte stream of another connector.

use std::{io, sync::Arc};

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, ConnectionEvent, ErrorKind, Phase, PrivateKey, Progress, TransportError, WaitStep,
};
use rustls::Error as RustlsError;
use rustls_pki_types::{CertificateDer, ServerName};

use super::{
    client_config::{ConfigCache, HandshakeConfig},
    error_message::{explain, explain_cut_off, issuer, new_error, signer_error, tls_error},
    failure::TlsFailure,
    settings::Tls,
    stream::EstablishedTls,
    verifier::HandshakeRecord,
    version::TlsVersion,
};
use crate::{
    connection_error::lost,
    connector::{BoxedStream, Connector},
    peer::{Expected, FirstBytes, Peer},
    peer_address::PeerAddress,
    target::Target,
    tcp::TcpConnector,
    uri::Scheme,
};

/// TLS over another connector's stream, usually TCP.
///
/// What its connections share is made once: the parsed roots, and the client certificate that was used last with its
/// parsed key. Both are made again when the roots or the certificate have changed. A clone shares them.
#[derive(Debug, Clone)]
pub struct TlsConnector<C = TcpConnector> {
    pub(crate) inner: C,
    configs: Arc<ConfigCache>,
}

impl TlsConnector {
    /// TLS over TCP, without a proxy.
    pub fn new(tls: Tls) -> Self {
        Self::over(TcpConnector::new(), tls)
    }
}

impl<C: Connector> TlsConnector<C> {
    /// TLS over the streams of `inner`.
    pub fn over(inner: C, tls: Tls) -> Self {
        let configs = Arc::new(ConfigCache::new(tls));
        Self { inner, configs }
    }

    /// The configuration of one handshake: all of it that needs no connection.
    pub(crate) async fn config(
        &self,
        target: &Target<'_>,
        report: &TlsReport,
    ) -> Result<HandshakeConfig, TransportError> {
        let config = self.configs.get(target.certificate(), Arc::clone(&report.record));
        config.await.map_err(|error| error.in_phase(Phase::Connect))
    }
}

#[async_trait]
impl<C: Connector> Connector for TlsConnector<C> {
    fn scheme(&self) -> Scheme {
        self.inner.scheme()
    }

    /// An error is [`ErrorKind::Tls`] when TLS fails, and [`ErrorKind::Lost`] when the connection ends during the
    /// handshake. An external key that does not sign is [`ErrorKind::Local`] when it is not available, and
    /// [`ErrorKind::Input`] when it cannot be used. Before any connection, roots, a certificate or a key that cannot be
    /// used are [`ErrorKind::Input`]; a clock before 1970, a machine without CA certificates where none are given, and a
    /// system that gives no thread are [`ErrorKind::Local`].
    ///
    /// A few connections with the same external key are made at a time. Others wait before they reach the service.
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        if let Some(PrivateKey::External(_)) = target.certificate().map(ClientCertificate::key) {
            progress.waiting_for(WaitStep::Credential, "this device");
        }
        let mut report = TlsReport::default();
        let config = self.config(target, &report).await?;
        let peer = PeerAddress::new(target.uri());
        let listener = |event| {
            peer.note(&event);
            progress.report(event);
        };
        let stream = self.inner.connect(target, Progress::new(&listener)).await?;
        progress.waiting_for(WaitStep::Tls, peer.get());
        let secured = handshake(stream, target, config, &mut report).await;
        let secured = secured.map_err(|error| peer.explain(error))?;
        if let Some(issuer) = report.given_ca() {
            progress.report(ConnectionEvent::GivenCa { issuer });
        }
        Ok(secured)
    }
}

/// Performs the handshake over `stream`. `report` is the one that the configuration was made with; it has what the
/// handshake showed, also when it fails.
pub(crate) async fn handshake(
    stream: BoxedStream,
    target: &Target<'_>,
    config: HandshakeConfig,
    report: &mut TlsReport,
) -> Result<BoxedStream, TransportError> {
    let name = target.uri().server_name().bare();
    let server_name = ServerName::try_from(&*name).map_err(|_| {
        let message = format!("{name} cannot be a name in a certificate");
        TransportError::new(ErrorKind::Tls, message).in_phase(Phase::Connect)
    })?;
    let HandshakeConfig { client, turn } = config;
    let (first_bytes, stream) = FirstBytes::of(stream, Expected::Tls);
    let handshake = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(server_name.to_owned(), stream);
    let handshake = handshake.into_fallible();
    let result = match turn {
        Some(turn) => {
            // Boxed, so that a handshake without an external key need not have room for another one.
            let result = Box::pin(turn.run(handshake)).await;
            result.map_err(|error| error.in_phase(Phase::Connect))?
        }
        None => handshake.await,
    };
    let stream = match result {
        Ok(stream) => stream,
        Err((error, mut stream)) => {
            let peer = match tls_error(&error) {
                Some(RustlsError::InvalidMessage(_)) => Peer::read(first_bytes.get(), &mut stream).await,
                _ => None,
            };
            report.failure = tls_error(&error).and_then(|error| TlsFailure::of(error, report.record.auth.get()));
            return Err(match peer {
                Some(peer) if peer != Peer::Tls => not_tls(&peer),
                _ => failed(error, &name, report),
            });
        }
    };
    first_bytes.forget();
    report.version = stream.get_ref().1.protocol_version().and_then(TlsVersion::of);
    Ok(Box::new(EstablishedTls::new(stream, report.record.auth.get())))
}

/// The error of a peer that speaks another protocol.
fn not_tls(peer: &Peer) -> TransportError {
    let message = format!("the peer does not speak TLS: it {}", peer.message());
    new_error(message.into(), Some(peer.hint(Expected::Tls))).in_phase(Phase::Connect)
}

fn failed(error: io::Error, name: &str, report: &TlsReport) -> TransportError {
    tracing::debug!(%error, "the TLS handshake failed");
    let failed = match tls_error(&error) {
        Some(tls) => match signer_error(tls) {
            Some(error) => return error.clone().in_phase(Phase::Connect),
            None => {
                let (message, hint) = explain(tls, name, report.chain(), report.record.auth.get());
                new_error(message, hint)
            }
        },
        None => {
            let (message, hint) = explain_cut_off(report.chain(), report.record.auth.get());
            lost(message, error).with_hint(hint)
        }
    };
    failed.in_phase(Phase::Connect)
}

/// What a handshake showed.
#[derive(Debug, Default)]
pub(crate) struct TlsReport {
    pub(crate) version: Option<TlsVersion>,
    pub(crate) failure: Option<TlsFailure>,
    record: Arc<HandshakeRecord>,
}

impl TlsReport {
    /// What the server presented, leaf first, trusted or not.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        self.record
            .presented
            .get()
            .map_or(&[], |certificates| &certificates.chain)
    }

    /// The issuer of the last certificate that the server presented, if a given root led to its acceptance.
    fn given_ca(&self) -> Option<Arc<str>> {
        let certificates = self
            .record
            .presented
            .get()
            .filter(|certificates| certificates.by_given_root)?;
        certificates.chain.last().and_then(issuer).map(Arc::from)
    }

    /// Whether the server's certificate was accepted; `None` when it presented none.
    pub(crate) fn is_trusted(&self) -> Option<bool> {
        self.record.presented.get().map(|certificates| certificates.trusted)
    }
}
