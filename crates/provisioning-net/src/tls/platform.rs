//! The platform's trust store (feature `platform-roots`).
//!
//! macOS, Windows and Android ask the operating system in every verification. Elsewhere it is files, whose certificates
//! all clients of the process share.

#[cfg(all(
    feature = "platform-roots",
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple")
))]
mod files;

#[cfg(feature = "platform-roots")]
use std::env;
use std::sync::Arc;

#[cfg(feature = "platform-roots")]
use provisioning_types::ErrorKind;
use provisioning_types::TransportError;
use rustls::{client::danger::ServerCertVerifier, crypto::CryptoProvider};

/// The trust store as it was at one moment.
#[cfg(feature = "platform-roots")]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TrustStore {
    #[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
    files: Arc<files::TrustedFiles>,
}

/// This build reads no trust store.
#[cfg(not(feature = "platform-roots"))]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrustStore {}

#[cfg(all(
    feature = "platform-roots",
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple")
))]
impl TrustStore {
    /// The trust store as it was a moment ago, if its files were looked at then. Looks at no file.
    pub(super) fn recent() -> Option<Self> {
        let files = files::TrustedFiles::recent()?;
        Some(Self { files })
    }

    /// The trust store as it is now. Looks at files unless it did so a moment ago, and reads them if they have changed.
    pub(super) fn current() -> Option<Self> {
        let files = files::TrustedFiles::current();
        Some(Self { files })
    }

    /// Trusts what the platform trusts.
    ///
    /// # Errors
    /// [`ErrorKind::Local`] when the machine has no CA certificates.
    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TransportError> {
        let roots = Arc::clone(self.files.roots());
        match rustls::client::WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build() {
            Ok(verifier) => Ok(verifier),
            Err(error) => {
                tracing::debug!(%error, "the platform's trust store cannot be used");
                Err(no_certificates())
            }
        }
    }
}

#[cfg(all(
    feature = "platform-roots",
    not(all(unix, not(target_os = "android"), not(target_vendor = "apple")))
))]
impl TrustStore {
    /// Making a verifier may block, so it is never ready.
    pub(super) fn recent() -> Option<Self> {
        None
    }

    pub(super) fn current() -> Option<Self> {
        Some(Self {})
    }

    /// Trusts what the platform trusts.
    ///
    /// # Errors
    /// [`ErrorKind::Local`] when the machine has no CA certificates.
    pub(super) fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TransportError> {
        match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(error) => {
                tracing::debug!(%error, "the platform's trust store cannot be used");
                Err(no_certificates())
            }
        }
    }
}

/// The error of a machine without CA certificates, such as a minimal container. It names the variables that say where
/// to look for them, if any is set.
#[cfg(feature = "platform-roots")]
fn no_certificates() -> TransportError {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let names: Vec<_> = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter(is_set).collect();
    let message = match names.join(" and ") {
        names if names.is_empty() => "this machine has no CA certificates".to_owned(),
        names => format!("this machine has no CA certificates at the path in {names}"),
    };
    TransportError::new(ErrorKind::Local, message)
        .with_retryable(false)
        .with_hint(
            "install the package ca-certificates (Debian, Alpine, Fedora), or give the CA certificate of the service \
             (--ca, with_ca_pem)",
        )
}

#[cfg(not(feature = "platform-roots"))]
impl TrustStore {
    pub(super) fn recent() -> Option<Self> {
        None
    }

    pub(super) fn current() -> Option<Self> {
        None
    }

    pub(super) fn verifier(&self, _: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TransportError> {
        match *self {}
    }
}
