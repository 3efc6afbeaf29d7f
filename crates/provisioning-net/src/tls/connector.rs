//! TLS over the byte stream of another connector.

use std::{io, sync::Arc};

use async_trait::async_trait;
use provisioning_types::{ClientCertificate, ErrorKind, Phase, PrivateKey, Progress, TransportError};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};

use super::{
    client_config::ConfigCache,
    error_message::{explain, signer_error, tls_error},
    settings::Tls,
    verifier::Presented,
    version::TlsVersion,
};
use crate::{
    blocking::run_blocking,
    connector::{BoxedStream, Connector},
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
    pub(crate) async fn config(&self, target: &Target<'_>, report: &TlsReport) -> Result<ClientConfig, TransportError> {
        let config = self.configs.get(target.certificate(), Arc::clone(&report.presented));
        config.await.map_err(|error| error.in_phase(Phase::Connect))
    }
}

#[async_trait]
impl<C: Connector> Connector for TlsConnector<C> {
    fn scheme(&self) -> Scheme {
        self.inner.scheme()
    }

    /// The errors are [`ErrorKind::Tls`] for every way in which the handshake can fail, but for an external key that
    /// does not sign: [`ErrorKind::Local`] when it is not available, [`ErrorKind::Input`] when it cannot be used. They
    /// are [`ErrorKind::Input`] before any connection when the roots or the certificate and its key cannot be used.
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let mut report = TlsReport::default();
        let config = self.config(target, &report).await?;
        let stream = self.inner.connect(target, progress).await?;
        handshake(stream, target, config, &mut report).await
    }
}

/// Performs the handshake over `stream`. `report` is the one that the configuration was made with; it has what the
/// handshake showed, also when it fails.
pub(crate) async fn handshake(
    stream: BoxedStream,
    target: &Target<'_>,
    config: ClientConfig,
    report: &mut TlsReport,
) -> Result<BoxedStream, TransportError> {
    let name = target.uri().server_name().bare();
    let server_name = ServerName::try_from(name.clone()).map_err(|error| {
        TransportError::new(ErrorKind::Tls, format!("{name} cannot be a certificate's name"))
            .with_source(error)
            .in_phase(Phase::Connect)
    })?;
    let handshake = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(server_name, stream);
    let result = match target.certificate().map(ClientCertificate::key) {
        Some(PrivateKey::External(_)) => run_blocking(handshake).await.and_then(|result| result),
        Some(PrivateKey::Der(_)) | None => handshake.await,
    };
    let stream = result.map_err(|error| failed(error, &name, report))?;
    report.version = stream.get_ref().1.protocol_version().and_then(TlsVersion::of);
    Ok(Box::new(stream))
}

fn failed(error: io::Error, name: &str, report: &TlsReport) -> TransportError {
    let tls = tls_error(&error);
    if let Some(error) = tls.and_then(signer_error) {
        return error.clone().in_phase(Phase::Connect);
    }
    let (message, hint) = match tls {
        Some(error) => explain(error, name, report.chain()),
        None => ("the TLS handshake was cut off; is this a TLS port?".into(), None),
    };
    let failed = TransportError::new(ErrorKind::Tls, message)
        .with_source(error)
        .in_phase(Phase::Connect);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// What a handshake showed.
#[derive(Debug, Default)]
pub(crate) struct TlsReport {
    pub(crate) version: Option<TlsVersion>,
    presented: Presented,
}

impl TlsReport {
    /// What the server presented, leaf first, trusted or not.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        self.presented.get().map_or(&[], |certificates| &certificates.chain)
    }

    /// Whether the server's certificate was accepted; `None` when it presented none.
    pub(crate) fn is_trusted(&self) -> Option<bool> {
        self.presented.get().map(|certificates| certificates.trusted)
    }
}
