//! TLS with verification on: trusted roots, the device's certificate, and what went wrong in words.

use std::sync::Arc;

use provisioning_types::{ErrorKind, InvalidInput, Phase, PrivateKey, Secret, TransportError, X509Credential};
use rustls::{
    CertificateError, ClientConfig, Error as RustlsError, RootCertStore, crypto::CryptoProvider, sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls_platform_verifier::BuilderVerifierExt;

use tokio::sync::watch;

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
    roots: Option<Arc<RootCertStore>>,
}

impl Tls {
    /// Uses `provider`, and trusts what the platform trusts.
    pub fn with_provider(provider: CryptoProvider) -> Self {
        Self {
            provider: Arc::new(provider),
            roots: None,
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
        self.roots = Some(Arc::new(roots));
        Ok(self)
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
        let name = config.uri.server_name().bare();
        let server_name = ServerName::try_from(name.clone()).map_err(|error| {
            TransportError::new(ErrorKind::Tls, format!("{name} cannot be a certificate's name")).with_source(error)
        })?;
        let (still_wanted, wanted) = watch::channel(());
        let client_config = self.client_config(config.x509.as_ref(), wanted)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config));
        let handshake = connector.connect(server_name, stream);
        let result = match config.x509.as_ref().map(X509Credential::key) {
            Some(PrivateKey::Elsewhere(_)) => remote_key::aside(handshake, still_wanted)
                .await
                .and_then(|result| result),
            Some(PrivateKey::Der(_)) | None => handshake.await,
        };
        match result {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                let message = match tls_error(&error) {
                    Some(error) => explain(error, &name),
                    None => "the TLS handshake was cut off; is this a TLS port?".into(),
                };
                Err(TransportError::new(ErrorKind::Tls, message)
                    .with_source(error)
                    .in_phase(Phase::Connect))
            }
        }
    }

    fn client_config(
        &self,
        x509: Option<&X509Credential>,
        wanted: watch::Receiver<()>,
    ) -> Result<ClientConfig, TransportError> {
        let unusable = |error: RustlsError| {
            TransportError::new(ErrorKind::Tls, "the TLS settings cannot be used").with_source(error)
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match &self.roots {
            Some(roots) => builder.with_root_certificates(Arc::clone(roots)),
            None => builder.with_platform_verifier().map_err(unusable)?,
        };
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
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for Tls {
    fn default() -> Self {
        Self::new()
    }
}

fn chain(x509: &X509Credential) -> Vec<CertificateDer<'static>> {
    x509.chain().iter().cloned().map(CertificateDer::from).collect()
}

/// The TLS error inside an I/O error, if that is what it is.
pub(crate) fn tls_error(error: &std::io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

/// What the handshake's failure means for whoever reads it.
fn explain(error: &RustlsError, name: &str) -> String {
    match error {
        // A bad signature is what another CA of the same name looks like.
        RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the server's certificate is signed by a CA that is not trusted".to_owned()
        }
        RustlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("the server's certificate is not for {name}"),
        RustlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "the server's certificate has expired or is not valid yet; is this device's clock right?".to_owned(),
        RustlsError::InvalidCertificate(_) => "the server's certificate was not accepted".to_owned(),
        RustlsError::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        RustlsError::AlertReceived(_) => rejected().to_owned(),
        RustlsError::Other(_) => "the device's key did not sign the TLS handshake".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}

/// What an alert from the server means, during the handshake or, under TLS 1.3, after it.
pub(crate) fn rejected() -> &'static str {
    "the server ended TLS; it may not accept the device's certificate"
}
