//! How a device proves who it is, as a transport sees it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    blocking_key::BlockingKey, credential_error::CredentialError, request::RegistrationRequest, secret::Secret,
    x509_signer::X509Signer,
};

/// Proves who a device is. A transport asks for a new [`Proof`] for every connection, so none of them is stale.
#[async_trait]
pub trait Identity: fmt::Debug + Send + Sync {
    /// Makes the proof for one connection.
    ///
    /// # Errors
    /// [`CredentialError`]. It ends the registration before any connection is made.
    async fn prove(&self, registration: &RegistrationRequest) -> Result<Proof, CredentialError>;

    /// Whether [`prove`](Self::prove) may block its thread, as when it reads a file. A transport then calls it on a
    /// thread where blocking does no harm.
    fn may_block(&self) -> bool {
        true
    }

    /// The signer or the source that [`prove`](Self::prove) may block on. Proofs with equal keys share a few threads,
    /// whichever transport asks for them. With `None`, the proofs of one transport do.
    fn blocking_key(&self) -> Option<BlockingKey> {
        None
    }
}

#[async_trait]
impl<I: Identity + ?Sized> Identity for Arc<I> {
    async fn prove(&self, registration: &RegistrationRequest) -> Result<Proof, CredentialError> {
        (**self).prove(registration).await
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }

    fn blocking_key(&self) -> Option<BlockingKey> {
        (**self).blocking_key()
    }
}

/// What one connection presents: a password or a certificate.
///
/// ```
/// use provisioning_types::{Proof, Secret};
///
/// let token = "SharedAccessSignature sr=…";
/// let proof = Proof::default()
///     .with_password(Secret::new(token.into()))
///     .with_hint("check the device's key");
/// assert_eq!(proof.password.and_then(|password| password.expose_str().map(str::to_owned)).as_deref(), Some(token));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Proof {
    /// The MQTT password: a SAS token. Absent with X.509.
    pub password: Option<Secret>,
    /// The certificate to present in the TLS handshake. Absent with a symmetric key.
    pub certificate: Option<ClientCertificate>,
    hint: Option<Hint>,
}

/// Makes the text of a hint. Most proofs are accepted, so it is made only when it is needed.
#[derive(Clone)]
struct Hint(Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&(self.0)(), f)
    }
}

impl Proof {
    /// Presents this MQTT password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// Presents this certificate.
    #[must_use]
    pub fn with_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Says what to check first when the service refuses this proof.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.with_hint_from(move || hint.clone())
    }

    /// Says what to check first when the service refuses this proof. `hint` is called only then.
    #[must_use]
    pub fn with_hint_from(mut self, hint: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.hint = Some(Hint(Arc::new(hint)));
        self
    }

    /// What to check first when the service refuses this proof, in one sentence: MQTT does not say which part of it is
    /// wrong. Empty if none was set.
    pub fn hint(&self) -> String {
        self.hint.as_ref().map_or_else(String::new, |Hint(hint)| hint())
    }
}

/// A certificate chain and the private key of its first certificate, neither of them parsed. Cheap to clone.
#[derive(Clone)]
pub struct ClientCertificate(Arc<ChainAndKey>);

struct ChainAndKey {
    chain: Vec<Vec<u8>>,
    key: PrivateKey,
}

/// The private key of a certificate.
#[derive(Clone)]
pub enum PrivateKey {
    /// In memory, in DER: PKCS#8, SEC1 or PKCS#1.
    Der(Secret),
    /// Outside this process, behind a signer.
    External(Arc<dyn X509Signer>),
}

impl ClientCertificate {
    /// A `chain` in DER, the device's certificate first, and the private key of that certificate.
    pub fn new(chain: Vec<Vec<u8>>, key: PrivateKey) -> Self {
        Self(Arc::new(ChainAndKey { chain, key }))
    }

    /// The certificates in DER, the device's own first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.0.key
    }
}

impl PartialEq for ClientCertificate {
    /// Whether the chains and the keys are the same; an external key is the same only as itself.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.chain == other.0.chain && self.0.key == other.0.key)
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Der(one), Self::Der(other)) => one == other,
            (Self::External(one), Self::External(other)) => Arc::ptr_eq(one, other),
            (Self::Der(_), Self::External(_)) | (Self::External(_), Self::Der(_)) => false,
        }
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("certificates", &self.0.chain.len())
            .field("key", &self.0.key)
            .finish()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Der(_) => "Der(…)",
            Self::External(_) => "External(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn certificate(chain: &[u8], key: &[u8]) -> ClientCertificate {
        ClientCertificate::new(vec![chain.to_vec()], PrivateKey::Der(Secret::new(key.to_vec())))
    }

    #[test]
    fn certificates_are_equal_when_chain_and_key_are() {
        let one = certificate(b"a", b"k");
        assert_eq!(one, one.clone());
        assert_eq!(one, certificate(b"a", b"k"));
        assert_ne!(one, certificate(b"b", b"k"));
        assert_ne!(one, certificate(b"a", b"l"));
    }

    #[test]
    fn a_hint_is_made_when_it_is_asked_for() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let proof = Proof::default().with_hint_from(move || format!("hint {}", count.fetch_add(1, Ordering::Relaxed)));
        assert_eq!(made.load(Ordering::Relaxed), 0);
        assert_eq!(
            (proof.hint(), proof.clone().hint()),
            ("hint 0".to_owned(), "hint 1".to_owned())
        );
        assert_eq!(Proof::default().hint(), "");
    }

    #[test]
    fn debug_shows_neither_password_nor_key() {
        let proof = Proof {
            password: Some(Secret::new(b"s3cret".to_vec())),
            certificate: Some(certificate(b"a", b"s3cret")),
            hint: None,
        };
        let shown = format!("{proof:?}");
        assert!(!shown.contains("s3c") && !shown.contains("115, 51"), "{shown}");
    }
}
