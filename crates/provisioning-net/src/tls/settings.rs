//! TLS settings.

use std::sync::Arc;

use provisioning_types::{ClientCertificate, ErrorKind, InvalidInput, PrivateKey, RootSource, TransportError};
use rustls::{
    ClientConfig, Error as RustlsError,
    client::Resumption,
    crypto::CryptoProvider,
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use rustls_pki_types::CertificateDer;

use super::{
    clock::Clock, device_key::signing_key, external_key::ExternalKey, key_check, provider::TlsProvider, roots::Roots,
    verifier::RecordingVerifier, version::TlsVersion,
};

/// TLS settings: which CAs to trust, and with which cryptography.
///
/// The process-wide default provider of rustls is neither used nor set.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) provider: Arc<CryptoProvider>,
    built_in: Option<TlsProvider>,
    pub(super) roots: Roots,
    min_version: TlsVersion,
    pub(super) clock: Clock,
}

impl Tls {
    /// Uses `provider`, and trusts what the platform trusts (feature `platform-roots`).
    pub fn with_provider(provider: CryptoProvider) -> Self {
        Self::with(Arc::new(provider), None)
    }

    fn with(provider: Arc<CryptoProvider>, built_in: Option<TlsProvider>) -> Self {
        Self {
            provider,
            built_in,
            roots: Roots::default(),
            min_version: TlsVersion::V1_2,
            clock: Clock::default(),
        }
    }

    /// Uses the [default](TlsProvider::default) provider of this build, and trusts what the platform trusts (feature
    /// `platform-roots`).
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn new() -> Self {
        Self::with_built_in(TlsProvider::default())
    }

    /// Uses a provider of this build, and trusts what the platform trusts (feature `platform-roots`).
    pub fn with_built_in(provider: TlsProvider) -> Self {
        Self::with(provider.crypto_provider(), Some(provider))
    }

    /// The provider, if it is one of this build; `None` if it was given to [`with_provider`](Self::with_provider).
    pub fn provider(&self) -> Option<TlsProvider> {
        self.built_in
    }

    /// Trusts only these CA certificates, not the platform's.
    #[must_use]
    pub fn with_only_roots(mut self, roots: impl RootSource + 'static) -> Self {
        self.roots.only = Some(Arc::new(roots));
        self
    }

    /// Trusts these CA certificates too, beside the platform's or, in either order, those of
    /// [`with_only_roots`](Self::with_only_roots). More can be added by calling it again. In a build without the
    /// feature `platform-roots`, and on a machine that has no CA certificates, they are trusted alone.
    #[must_use]
    pub fn with_extra_roots(mut self, roots: impl RootSource + 'static) -> Self {
        self.roots.extra.push(Arc::new(roots));
        self
    }

    /// Speaks no version of TLS below `version`; 1.2 unless given.
    #[must_use]
    pub fn with_min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Checks that the private key is one that this build can use, and that it belongs to its certificate. Of an
    /// external key, its schemes and its [public key](provisioning_types::X509Signer::public_key) are checked. A key
    /// whose public key is not known has to sign before the first connection, which shows whether it belongs to the
    /// certificate.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `private key`, or `certificate` where that is not one.
    pub fn check(&self, certificate: &ClientCertificate) -> Result<(), InvalidInput> {
        self.certified_key(certificate)?;
        match certificate.key() {
            PrivateKey::External(signer) => {
                key_check::without_signature(signer.as_ref(), certificate.chain(), &self.provider).map(drop)
            }
            PrivateKey::Der(_) => Ok(()),
        }
    }

    /// Loads the given roots, and checks that they can be used. This may block, as when a source reads a file. The
    /// platform's trust store is read by the first connection.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `CA certificates` when there are none, or when one is not an X.509 certificate; and what
    /// a [`RootSource`] reports.
    pub fn check_roots(&self) -> Result<(), InvalidInput> {
        self.roots.check()
    }

    /// A configuration with this client certificate. It accepts no server: each handshake sets its own verifier.
    pub(super) fn client_config(
        &self,
        certificate: Option<&ClientCertificate>,
    ) -> Result<ClientConfig, TransportError> {
        let versions: &[_] = match self.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::new(self.clock.clone()))
            .with_protocol_versions(versions)
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<RecordingVerifier>::default());
        let mut config = match certificate {
            Some(certificate) => {
                let key = self.certified_key(certificate)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        // A resumed session would bypass a renewed certificate and a root that is no longer trusted.
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// The chain with its key. The certificates are presented unchecked: the server decides whether it accepts them.
    fn certified_key(&self, certificate: &ClientCertificate) -> Result<CertifiedKey, InvalidInput> {
        let chain = certificate.chain();
        let key: Arc<dyn SigningKey> = match certificate.key() {
            PrivateKey::Der(key) => signing_key(key, chain, &self.provider, self.built_in)?,
            PrivateKey::External(signer) => Arc::new(ExternalKey::new(Arc::clone(signer))),
        };
        let chain = chain.iter().cloned().map(CertificateDer::from).collect();
        Ok(CertifiedKey::new(chain, key))
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for Tls {
    fn default() -> Self {
        Self::new()
    }
}

/// Settings that rustls does not take.
fn unusable(error: RustlsError) -> TransportError {
    tracing::debug!(%error, "TLS cannot be set up");
    TransportError::new(
        ErrorKind::Tls,
        "the TLS provider does not have what TLS 1.2 or 1.3 needs",
    )
}
