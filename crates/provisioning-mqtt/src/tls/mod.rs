//! TLS with verification on: trusted roots, the device's certificate, and what went wrong in words.

mod verifier;
mod words;

use std::{fmt, sync::Arc};

use provisioning_types::{ErrorKind, Host, InvalidInput, Phase, PrivateKey, Secret, TransportError, X509Credential};
use rustls::{
    ClientConfig, Error as RustlsError, ProtocolVersion, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls_platform_verifier::Verifier;
use tokio::sync::watch;

use self::verifier::{Presented, Remembering};
pub(crate) use self::words::{REJECTED, rejected};
use crate::{
    BoxedStream, TransportConfig,
    remote_key::{self, RemoteKey},
};

/// TLS settings: whom to trust, and with which cryptography.
///
/// The process-wide default provider of rustls is neither used nor set.
#[derive(Debug, Clone)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    /// `None` for the platform's trust store.
    only_roots: Option<RootCertStore>,
    extra_roots: RootCertStore,
    min_version: TlsVersion,
}

impl Tls {
    /// Uses `provider`, and trusts what the platform trusts.
    pub fn with_provider(provider: CryptoProvider) -> Self {
        Self {
            provider: Arc::new(provider),
            only_roots: None,
            extra_roots: RootCertStore::empty(),
            min_version: TlsVersion::V1_2,
        }
    }

    /// Uses the provider that this build came with, and trusts what the platform trusts. With both providers it is
    /// ring.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn new() -> Self {
        #[cfg(not(feature = "ring"))]
        use rustls::crypto::aws_lc_rs as builtin;
        #[cfg(feature = "ring")]
        use rustls::crypto::ring as builtin;
        Self::with_provider(builtin::default_provider())
    }

    /// Trusts only the CA certificates in `pem`, not the platform's.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `CA certificates` when there is none, or one that is no X.509 certificate.
    pub fn with_only_roots_pem(mut self, pem: &[u8]) -> Result<Self, InvalidInput> {
        self.only_roots = Some(roots(pem)?);
        Ok(self)
    }

    /// Trusts the CA certificates in `pem` too, beside the platform's or, in either order, those of
    /// [`with_only_roots_pem`](Self::with_only_roots_pem). More can be added by calling it again.
    ///
    /// # Errors
    /// As for [`with_only_roots_pem`](Self::with_only_roots_pem).
    pub fn with_extra_roots_pem(mut self, pem: &[u8]) -> Result<Self, InvalidInput> {
        self.extra_roots.roots.extend(roots(pem)?.roots);
        Ok(self)
    }

    /// Speaks no version of TLS below `version`; 1.2 unless given.
    #[must_use]
    pub fn with_min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// Checks that the private key is one that this build can use, and that it fits its certificate.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `private key`.
    /// A key that is elsewhere shows in the handshake only.
    pub fn check(&self, x509: &X509Credential) -> Result<(), InvalidInput> {
        match x509.key() {
            PrivateKey::Der(key) => self.certified_key(x509, key).map(drop),
            PrivateKey::Elsewhere(_) => Ok(()),
        }
    }

    fn certified_key(&self, x509: &X509Credential, key: &Secret) -> Result<CertifiedKey, InvalidInput> {
        let invalid = |expected: String| InvalidInput::new("private key", expected);
        let key = PrivateKeyDer::try_from(key.expose()).map_err(|e| invalid(format!("a private key ({e})")))?;
        let chain = chain(x509);
        CertifiedKey::from_der(chain, key.clone_key(), &self.provider).map_err(|error| match error {
            RustlsError::InconsistentKeys(_) => invalid("the key that belongs to the certificate".to_owned()),
            other => invalid(format!("an EC P-256, EC P-384, Ed25519 or RSA key ({other})")),
        })
    }

    /// Performs the handshake over `stream`.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] for every way in which it can fail; [`ErrorKind::Input`] when the certificate and its key
    /// cannot be used.
    pub async fn handshake(
        &self,
        stream: BoxedStream,
        config: &TransportConfig,
    ) -> Result<BoxedStream, TransportError> {
        let (name, x509) = (config.uri.server_name(), config.x509.as_ref());
        self.shake_hands(stream, name, x509, &mut TlsSeen::default()).await
    }

    /// Performs the handshake; `seen` has what it showed, whatever comes of it.
    pub(crate) async fn shake_hands(
        &self,
        stream: BoxedStream,
        name: &Host,
        x509: Option<&X509Credential>,
        seen: &mut TlsSeen,
    ) -> Result<BoxedStream, TransportError> {
        let name = name.bare();
        let server_name = ServerName::try_from(name.clone()).map_err(|error| {
            TransportError::new(ErrorKind::Tls, format!("{name} cannot be a certificate's name")).with_source(error)
        })?;
        let (still_wanted, wanted) = watch::channel(());
        let client_config = self.client_config(x509, Arc::clone(&seen.presented), wanted)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config));
        let handshake = connector.connect(server_name, stream);
        let result = match x509.map(X509Credential::key) {
            Some(PrivateKey::Elsewhere(_)) => remote_key::aside(handshake, still_wanted)
                .await
                .and_then(|result| result),
            Some(PrivateKey::Der(_)) | None => handshake.await,
        };
        match result {
            Ok(stream) => {
                seen.version = stream.get_ref().1.protocol_version().and_then(TlsVersion::of);
                Ok(Box::new(stream))
            }
            Err(error) => {
                let message = match tls_error(&error) {
                    Some(error) => words::explain(error, &name, seen.chain()),
                    None => "the TLS handshake was cut off; is this a TLS port?".into(),
                };
                let hint = tls_error(&error).and_then(words::hint);
                let failed = TransportError::new(ErrorKind::Tls, message)
                    .with_source(error)
                    .in_phase(Phase::Connect);
                Err(match hint {
                    Some(hint) => failed.with_hint(hint),
                    None => failed,
                })
            }
        }
    }

    fn client_config(
        &self,
        x509: Option<&X509Credential>,
        presented: Presented,
        wanted: watch::Receiver<()>,
    ) -> Result<ClientConfig, TransportError> {
        let versions: &[_] = match self.min_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let verifier = Remembering::new(self.verifiers().map_err(unusable)?, presented);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(unusable)?
            // Not a way around verification: it asks rustls's own verifiers, and only remembers what they saw.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match x509 {
            Some(x509) => {
                let key = match x509.key() {
                    PrivateKey::Der(key) => self.certified_key(x509, key)?,
                    PrivateKey::Elsewhere(signer) => {
                        let key = RemoteKey::new(Arc::clone(signer), wanted);
                        CertifiedKey::new(chain(x509), Arc::new(key))
                    }
                };
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        })
    }

    /// Who is asked about the server's certificate. (The platform's verifier takes no roots of ours on Android, so
    /// those have a verifier of their own.)
    fn verifiers(&self) -> Result<Vec<Arc<dyn ServerCertVerifier>>, RustlsError> {
        let mut ours = self.extra_roots.clone();
        let mut verifiers: Vec<Arc<dyn ServerCertVerifier>> = Vec::new();
        match &self.only_roots {
            Some(roots) => ours.roots.extend(roots.roots.iter().cloned()),
            None => match Verifier::new(Arc::clone(&self.provider)) {
                Ok(platform) => verifiers.push(Arc::new(platform)),
                // A machine without any certificates.
                Err(error) if !ours.is_empty() => tracing::warn!(%error, "the platform's trust store was not read"),
                Err(error) => return Err(error),
            },
        }
        if !ours.is_empty() {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(ours), Arc::clone(&self.provider));
            let verifier = verifier
                .build()
                .map_err(|error| RustlsError::General(error.to_string()))?;
            verifiers.push(verifier);
        }
        Ok(verifiers)
    }
}

/// A version of TLS that this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, which the service speaks.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    fn of(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::V1_2),
            ProtocolVersion::TLSv1_3 => Some(Self::V1_3),
            _ => None,
        }
    }
}

impl fmt::Display for TlsVersion {
    /// `1.2` or `1.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}

/// What a handshake showed.
#[derive(Debug, Default)]
pub(crate) struct TlsSeen {
    pub(crate) version: Option<TlsVersion>,
    presented: Presented,
}

impl TlsSeen {
    /// What the server presented, leaf first, trusted or not.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        self.presented.get().map_or(&[], |certificates| &certificates.chain)
    }

    /// Whether the server's certificate was accepted; `None` when it presented none.
    pub(crate) fn trusted(&self) -> Option<bool> {
        self.presented.get().map(|certificates| certificates.trusted)
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for Tls {
    fn default() -> Self {
        Self::new()
    }
}

fn unusable(error: RustlsError) -> TransportError {
    TransportError::new(ErrorKind::Tls, "the TLS settings cannot be used").with_source(error)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, InvalidInput> {
    let invalid = |expected: String| InvalidInput::new("CA certificates", expected);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| invalid(format!("well-formed PEM ({e})")))?;
        roots
            .add(certificate)
            .map_err(|e| invalid(format!("X.509 certificates ({e})")))?;
    }
    if roots.is_empty() {
        return Err(invalid("at least one PEM certificate".to_owned()));
    }
    Ok(roots)
}

fn chain(x509: &X509Credential) -> Vec<CertificateDer<'static>> {
    x509.chain().iter().cloned().map(CertificateDer::from).collect()
}

/// The TLS error inside an I/O error, if that is what it is.
pub(crate) fn tls_error(error: &std::io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}
