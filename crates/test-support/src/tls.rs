//! A CA, certificates that it signs, and TLS servers that present them and ask clients for them.

use std::sync::Arc;

use provisioning_types::{ClientCertificate, PrivateKey, Secret};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use rustls_pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;

/// TLS 1.2 and 1.3.
pub const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A CA with its key.
#[derive(Debug)]
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    /// Makes a root CA.
    pub fn root() -> Self {
        Self(CertifiedIssuer::self_signed(ca_params("Root"), new_key()).expect("a certificate"))
    }

    /// Makes an intermediate CA below this one.
    pub fn intermediate(&self) -> Self {
        let params = ca_params("Intermediate");
        Self(CertifiedIssuer::signed_by(params, new_key(), &self.0).expect("a certificate"))
    }

    /// Returns the CA's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.0.as_ref()
    }

    /// Makes a server's certificate for `name`, changed by `change`, and its key.
    pub fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = new_key();
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }

    /// Makes a device's certificate for `key`.
    pub fn device(&self, key: &KeyPair) -> Certificate {
        let mut params = named("device-1");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.signed_by(key, &self.0).expect("a certificate")
    }

    /// Makes a device's certificate with a new key and no intermediates.
    pub fn client_certificate(&self) -> ClientCertificate {
        let key = new_key();
        let chain = vec![self.device(&key).der().to_vec()];
        ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key.serialize_der())))
    }
}

/// Makes a key.
pub fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The certificates that a server asks for.
#[derive(Debug, Clone, Copy)]
pub enum ClientCertificates<'a> {
    /// None.
    None,
    /// One that this CA signed.
    Required(&'a CertificateDer<'a>),
    /// One that this CA signed, or none.
    Optional(&'a CertificateDer<'a>),
}

/// Returns a TLS server with this certificate. It offers session resumption, with tickets too.
pub fn acceptor(
    (certificate, key): (Certificate, KeyPair),
    clients: ClientCertificates<'_>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let signed_by = |ca: &CertificateDer<'_>| {
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned()).expect("a certificate");
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
    };
    let verifier = match clients {
        ClientCertificates::None => Ok(WebPkiClientVerifier::no_client_auth()),
        ClientCertificates::Required(ca) => signed_by(ca).build(),
        ClientCertificates::Optional(ca) => signed_by(ca).allow_unauthenticated().build(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("a version")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(vec![certificate.into()], key.into())
        .expect("a certificate that fits its key");
    config.ticketer = ring::Ticketer::new().expect("a ticketer");
    Arc::new(config).into()
}
