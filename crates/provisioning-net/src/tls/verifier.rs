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

use super::{client_auth::ClientAuthRecord, platform::TrustStore};

/// Verifiers of a server's certificate; one that accepts it is enough.
///
/// (The platform's verifier takes no further roots on Android, so the given ones have a verifier of their own.)
#[derive(Debug, Default)]
pub(super) struct Verifiers {
    platform: Option<Arc<dyn ServerCertVerifier>>,
    given: Option<Arc<dyn ServerCertVerifier>>,
}

impl Verifiers {
    /// Trusts the given roots and the platform's. `given` may be empty only if the platform has roots.
    ///
    /// # Errors
    /// [`ErrorKind::Local`] when there is no root at all.
    pub(super) fn new(
        given: RootCertStore,
        platform: Option<&TrustStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TransportError> {
        let mut verifiers = Self::default();
        match platform.map(|platform| platform.verifier(provider)) {
            Some(Ok(verifier)) => verifiers.platform = Some(verifier),
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
            verifiers.given = Some(verifier);
        }
        Ok(verifiers)
    }

    /// Each verifier, and whether it trusts the given roots.
    fn each(&self) -> impl Iterator<Item = (&dyn ServerCertVerifier, bool)> {
        let platform = self.platform.iter().map(|verifier| (verifier.as_ref(), false));
        platform.chain(self.given.iter().map(|verifier| (verifier.as_ref(), true)))
    }
}

/// What one handshake showed: what the server presented, once it has, and what became of the device's certificate.
#[derive(Debug, Default)]
pub(super) struct HandshakeRecord {
    pub(super) presented: OnceLock<ServerCertificates>,
    pub(super) auth: ClientAuthRecord,
}

/// A server's certificates, and whether they were accepted.
#[derive(Debug)]
pub(super) struct ServerCertificates {
    /// Leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) trusted: bool,
    /// Whether they were accepted for a given root, and not for one of the platform's.
    pub(super) by_given_root: bool,
}

/// Asks the verifiers that handshakes share, and records what the server of one handshake presented. Without verifiers
/// it accepts no server.
#[derive(Debug, Default)]
pub(super) struct RecordingVerifier {
    verifiers: Arc<Verifiers>,
    record: Arc<HandshakeRecord>,
}

impl RecordingVerifier {
    pub(super) fn new(verifiers: Arc<Verifiers>, record: Arc<HandshakeRecord>) -> Self {
        Self { verifiers, record }
    }

    /// Returns the first success, else any error other than `UnknownIssuer`: the verifier that knows the CA knows more
    /// about the certificate. The flag says whether a given root led to the success.
    fn first<T>(
        &self,
        ask: impl Fn(&dyn ServerCertVerifier) -> Result<T, RustlsError>,
    ) -> Result<(T, bool), RustlsError> {
        let mut decisive = CertificateError::UnknownIssuer.into();
        for (verifier, is_given) in self.verifiers.each() {
            match ask(verifier) {
                Ok(accepted) => return Ok((accepted, is_given)),
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
        let _ = self.record.presented.set(ServerCertificates {
            chain: chain.cloned().map(CertificateDer::into_owned).collect(),
            trusted: verified.is_ok(),
            by_given_root: verified.as_ref().is_ok_and(|(_, is_given)| *is_given),
        });
        verified.map(|(verified, _)| verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let verified = self.first(|verifier| verifier.verify_tls12_signature(message, leaf, signature));
        verified.map(|(verified, _)| verified)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let verified = self.first(|verifier| verifier.verify_tls13_signature(message, leaf, signature));
        verified.map(|(verified, _)| verified)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // They are the crypto provider's, the same for each.
        let first = self.verifiers.each().next();
        first.map_or_else(Vec::new, |(verifier, _)| verifier.supported_verify_schemes())
    }
}
