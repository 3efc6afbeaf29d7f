//! A service that speaks TLS and wants a certificate.

use std::sync::Arc;

use provisioning_net::Tls;
use rcgen::{Certificate, CertificateParams, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    server::{VerifierBuilderError, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::DuplexStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::device::Device;
use crate::{
    certificates::Ca,
    roots::Roots,
    support::{HOST, soon},
};

pub(super) const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A service with a CA of its own, which has signed its certificate and which devices' certificates have to come from.
pub(super) struct Server {
    pub(super) ca: Ca,
    pub(super) acceptor: TlsAcceptor,
}

impl Server {
    pub(super) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::named(HOST, version)
    }

    pub(super) fn named(name: &str, version: &'static SupportedProtocolVersion) -> Self {
        Self::with(name, version, |_| {})
    }

    /// Its certificate is changed by `change`.
    pub(super) fn with(
        name: &str,
        version: &'static SupportedProtocolVersion,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let ca = Ca::root();
        let acceptor = acceptor(&ca, ca.server(name, change), version);
        Self { ca, acceptor }
    }

    /// Settings that trust this service.
    pub(super) fn trust(&self) -> Tls {
        trusting(&self.ca)
    }

    /// A device that this service accepts.
    pub(super) fn device(&self) -> Device {
        Device::new(self.trust(), self.ca.client_certificate())
    }

    /// The service's end of the next connection.
    pub(super) async fn accept(&self, device: &Device) -> TlsStream<DuplexStream> {
        let accepted = self.acceptor.accept(device.stream().await);
        soon("the handshake", accepted).await.expect("the device is accepted")
    }
}

/// Settings that trust what `ca` signed.
pub(super) fn trusting(ca: &Ca) -> Tls {
    Tls::new().with_only_roots(Roots::of(&[ca]))
}

/// Accepts devices whose certificates `ca` signed.
pub(super) fn acceptor(
    ca: &Ca,
    (certificate, key): (Certificate, KeyPair),
    version: &'static SupportedProtocolVersion,
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca.certificate().der().clone()).expect("a CA certificate");
    let verifier: Result<_, VerifierBuilderError> =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let chain: Vec<CertificateDer<'static>> = vec![certificate.into()];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(chain, key)
        .expect("a certificate that fits its key");
    // Sessions can be resumed, by tickets too.
    config.ticketer = ring::Ticketer::new().expect("a ticketer");
    Arc::new(config).into()
}
