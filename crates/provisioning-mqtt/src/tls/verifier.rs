//! Whether the server's certificate is accepted, and what it presented either way.

use std::sync::{Arc, OnceLock};

use rustls::{
    CertificateError, DigitallySignedStruct, Error as RustlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// What a server presented in one handshake, once it has.
pub(super) type Presented = Arc<OnceLock<Certificates>>;

/// A server's certificates, and what came of them.
#[derive(Debug)]
pub(super) struct Certificates {
    /// Leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) trusted: bool,
}

/// Accepts what one of several verifiers accepts, and remembers what was presented.
#[derive(Debug)]
pub(super) struct Remembering {
    verifiers: Vec<Arc<dyn ServerCertVerifier>>,
    presented: Presented,
}

impl Remembering {
    /// With no verifiers, nothing is accepted.
    pub(super) fn new(verifiers: Vec<Arc<dyn ServerCertVerifier>>, presented: Presented) -> Self {
        Self { verifiers, presented }
    }

    /// Asks one after the other. Of their errors the most telling counts: who knows the CA knows better.
    fn first<T>(&self, ask: impl Fn(&dyn ServerCertVerifier) -> Result<T, RustlsError>) -> Result<T, RustlsError> {
        let mut told = CertificateError::UnknownIssuer.into();
        for verifier in &self.verifiers {
            match ask(verifier.as_ref()) {
                Ok(accepted) => return Ok(accepted),
                Err(RustlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => told = error,
            }
        }
        Err(told)
    }
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let verified = self.first(|verifier| verifier.verify_server_cert(leaf, intermediates, name, ocsp, now));
        let chain = std::iter::once(leaf).chain(intermediates);
        // A server presents its certificates once per handshake.
        let _ = self.presented.set(Certificates {
            chain: chain.cloned().map(CertificateDer::into_owned).collect(),
            trusted: verified.is_ok(),
        });
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.first(|verifier| verifier.verify_tls12_signature(message, leaf, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.first(|verifier| verifier.verify_tls13_signature(message, leaf, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // They are the crypto provider's, the same for each.
        self.verifiers
            .first()
            .map_or_else(Vec::new, |verifier| verifier.supported_verify_schemes())
    }
}
