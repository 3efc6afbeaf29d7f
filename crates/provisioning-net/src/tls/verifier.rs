//! Whether the server's certificate is accepted, and what the server presented.

use std::sync::{Arc, OnceLock};

use provisioning_types::{ErrorKind, TransportError};
use rustls::{
    CertificateError, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::platform::TrustStore;

/// Verifiers of a server's certificate; one that accepts it is enough.
///
/// (The platform's verifier takes no further roots on Android, so the given ones have a verifier of their own.)
#[derive(Debug, Default)]
pub(super) struct Verifiers(Vec<Arc<dyn ServerCertVerifier>>);

impl Verifiers {
    /// Trusts the given roots and the platform's. A machine whose platform has none needs given ones.
    ///
    /// # Errors
    /// [`ErrorKind::Local`] when there is no root at all.
    pub(super) fn new(
        given: RootCertStore,
        platform: Option<&TrustStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TransportError> {
        let mut verifiers = Vec::new();
        match platform.map(|platform| platform.verifier(provider)) {
            Some(Ok(verifier)) => verifiers.push(verifier),
            Some(Err(error)) if given.is_empty() => return Err(error),
            Some(Err(error)) => tracing::debug!(%error, "only the given CA certificates are trusted"),
            None => {}
        }
        if !given.is_empty() {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(given), Arc::clone(provider));
            let verifier = verifier.build().map_err(|error| {
                tracing::debug!(%error, "the CA certificates cannot be used");
                TransportError::new(ErrorKind::Tls, "the CA certificates cannot be used")
            })?;
            verifiers.push(verifier);
        }
        Ok(Self(verifiers))
    }
}

/// What a server presented in one handshake, once it has.
pub(super) type Presented = Arc<OnceLock<ServerCertificates>>;

/// A server's certificates, and whether they were accepted.
#[derive(Debug)]
pub(super) struct ServerCertificates {
    /// Leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) trusted: bool,
}

/// Asks the verifiers that handshakes share, and records what the server of one handshake presented. Without verifiers
/// it accepts no server.
#[derive(Debug, Default)]
pub(super) struct RecordingVerifier {
    verifiers: Arc<Verifiers>,
    presented: Presented,
}

impl RecordingVerifier {
    pub(super) fn new(verifiers: Arc<Verifiers>, presented: Presented) -> Self {
        Self { verifiers, presented }
    }

    /// Returns the first success, else any error other than `UnknownIssuer`: the verifier that knows the CA knows more
    /// about the certificate.
    fn first<T>(&self, ask: impl Fn(&dyn ServerCertVerifier) -> Result<T, RustlsError>) -> Result<T, RustlsError> {
        let mut decisive = CertificateError::UnknownIssuer.into();
        for verifier in &self.verifiers.0 {
            match ask(verifier.as_ref()) {
                Ok(accepted) => return Ok(accepted),
                Err(RustlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => decisive = error,
            }
        }
        Err(decisive)
    }
}

impl ServerCertVerifier for RecordingVerifier {
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
        let _ = self.presented.set(ServerCertificates {
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
        let first = self.verifiers.0.first();
        first.map_or_else(Vec::new, |verifier| verifier.supported_verify_schemes())
    }
}
