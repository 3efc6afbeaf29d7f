//! The server's side of TLS.

use std::sync::Arc;

use rcgen::{Certificate, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use super::{Ca, any_client_certificate::AnyClientCertificate};

/// TLS 1.2 and 1.3.
pub const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// The devices that a server accepts.
#[derive(Debug, Clone, Copy)]
pub enum ClientCertificates<'a> {
    /// Devices with a certificate that this CA signed.
    Required(&'a Ca),
    /// These, and devices without a certificate.
    Optional(&'a Ca),
    /// Devices with a certificate of whatever CA, and devices without one.
    Any,
}

/// Returns a server with this certificate. It offers to resume sessions, by tickets too.
pub fn acceptor(
    (certificate, key): (Certificate, KeyPair),
    clients: ClientCertificates<'_>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let verifier: Arc<dyn ClientCertVerifier> = match clients {
        ClientCertificates::Required(ca) => verifier(ca.certificate(), false),
        ClientCertificates::Optional(ca) => verifier(ca.certificate(), true),
        ClientCertificates::Any => Arc::new(AnyClientCertificate(verifier(&certificate, true))),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("a version")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.into()], key.into())
        .expect("a certificate that fits its key");
    config.ticketer = ring::Ticketer::new().expect("a ticketer");
    Arc::new(config).into()
}

fn verifier(root: &Certificate, is_optional: bool) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if is_optional {
        verifier = verifier.allow_unauthenticated();
    }
    verifier.build().expect("a verifier")
}
