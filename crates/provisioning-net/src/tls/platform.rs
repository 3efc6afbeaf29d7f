//! The platform's trust store (feature `platform-roots`).
//!
//! macOS, Windows and Android ask the operating system in every verification. Elsewhere, rustls-platform-verifier reads
//! files when a verifier is made: whether these have changed is known by a fingerprint.

#[cfg(all(
    feature = "platform-roots",
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple")
))]
mod fingerprint;

use std::sync::Arc;

use rustls::{Error as RustlsError, client::danger::ServerCertVerifier, crypto::CryptoProvider};

/// The trust store as it was at one moment.
#[cfg(feature = "platform-roots")]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TrustStore {
    #[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
    fingerprint: Arc<fingerprint::Fingerprint>,
}

/// This build reads no trust store.
#[cfg(not(feature = "platform-roots"))]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrustStore {}

#[cfg(feature = "platform-roots")]
impl TrustStore {
    /// The trust store as it is now. Looks at files.
    pub(super) fn current() -> Option<Self> {
        Some(Self {
            #[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
            fingerprint: fingerprint::Fingerprint::of_trust_store(),
        })
    }

    /// Trusts what the platform trusts. Reads files.
    pub(super) fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, RustlsError> {
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(provider))?;
        Ok(Arc::new(verifier))
    }
}

#[cfg(not(feature = "platform-roots"))]
impl TrustStore {
    pub(super) fn current() -> Option<Self> {
        None
    }

    pub(super) fn verifier(&self, _: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, RustlsError> {
        match *self {}
    }
}
