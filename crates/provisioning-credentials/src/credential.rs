//! The credential of a device: a certificate, a symmetric key, a token, or where to read one of them.

use std::{
    error::Error,
    fmt,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use provisioning_types::{CredentialError, InvalidInput, RegistrationId};

use crate::{
    sas::SasToken,
    symmetric_key::{SymmetricKey, SymmetricSigner},
    x509::credential::X509Credential,
};

/// What a device proves its identity with. Cheap to clone; secrets are wiped when the last clone is dropped.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A client certificate and its private key, presented in the TLS handshake.
    X509(X509Credential),
    /// A symmetric key, in memory or external, that signs a token for every connection.
    SymmetricKey(Arc<dyn SymmetricSigner>),
    /// A token that another program made, presented as it is.
    SasToken(SasToken),
    /// One of the above, loaded again for every connection.
    Source(Arc<dyn CredentialSource>),
}

impl Credential {
    /// The credential that `source` loads for every connection.
    pub fn from_source(source: impl CredentialSource + 'static) -> Self {
        Self::Source(Arc::new(source))
    }

    /// The credential that `load` returns, called for every connection. It may block.
    ///
    /// ```
    /// use provisioning_credentials::{Credential, SymmetricKey};
    /// use provisioning_types::CredentialError;
    ///
    /// let credential = Credential::from_fn(|| {
    ///     let text = std::fs::read_to_string("/mnt/vault/key").map_err(CredentialError::unavailable)?;
    ///     Ok(SymmetricKey::from_base64(&text)?.into())
    /// });
    /// ```
    pub fn from_fn(load: impl Fn() -> Result<Self, CredentialError> + Send + Sync + 'static) -> Self {
        Self::from_source(FromFn(load))
    }

    /// Loads the credential of a [`Source`](Self::Source); clones any other. Never returns a source.
    ///
    /// # Errors
    /// [`CredentialError`] when the source fails, or returns another source.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of the source; nothing is kept.
    pub async fn load(&self) -> Result<Self, CredentialError> {
        let Self::Source(source) = self else {
            return Ok(self.clone());
        };
        match source.load().await? {
            Self::Source(_) => Err(nested_source().into()),
            credential => Ok(credential),
        }
    }

    /// Loads the credential without waiting, for an early look at it: a source is asked once, and may block (it reads a
    /// file). Returns a clone of this source if the source waits, or is not available now.
    ///
    /// # Errors
    /// [`InvalidInput`] when the source says that it cannot be used, or returns another source.
    pub fn load_if_ready(&self) -> Result<Self, InvalidInput> {
        match self.poll_load() {
            Poll::Ready(Ok(credential)) => Ok(credential),
            Poll::Ready(Err(CredentialError::Invalid(error))) => Err(error),
            Poll::Ready(Err(_)) | Poll::Pending => Ok(self.clone()),
        }
    }

    /// The registration id that the credential itself contains: an X.509 certificate's common name.
    ///
    /// # Errors
    /// [`InvalidInput`] when it contains none, or one that is not a registration id; and as
    /// [`load_if_ready`](Self::load_if_ready), or when a source waits or is not available now.
    pub fn registration_id(&self) -> Result<RegistrationId, InvalidInput> {
        let reason = match self.poll_load() {
            Poll::Ready(Ok(Self::X509(x509))) => return x509.registration_id(),
            Poll::Ready(Ok(_)) => "a symmetric key or SAS token does not contain it".to_owned(),
            Poll::Ready(Err(CredentialError::Invalid(error))) => return Err(error),
            Poll::Ready(Err(error)) => match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            },
            Poll::Pending => "the credential is not loaded yet".to_owned(),
        };
        Err(InvalidInput::new(
            "registration id",
            format!("one to be given, as {reason}"),
        ))
    }

    /// Polls once instead of blocking: the caller may be on the very thread that the source waits for.
    fn poll_load(&self) -> Poll<Result<Self, CredentialError>> {
        pin!(self.load()).poll(&mut Context::from_waker(Waker::noop()))
    }
}

/// The error of a source that returns another source.
pub(crate) fn nested_source() -> InvalidInput {
    InvalidInput::new("credential", "a credential, not another source of one")
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X509(x509) => x509.fmt(f),
            Self::SymmetricKey(_) => f.write_str("SymmetricKey(…)"),
            Self::SasToken(token) => token.fmt(f),
            Self::Source(_) => f.write_str("Source(…)"),
        }
    }
}

impl From<X509Credential> for Credential {
    fn from(x509: X509Credential) -> Self {
        Self::X509(x509)
    }
}

impl From<SymmetricKey> for Credential {
    fn from(key: SymmetricKey) -> Self {
        Self::SymmetricKey(Arc::new(key))
    }
}

impl From<SasToken> for Credential {
    fn from(token: SasToken) -> Self {
        Self::SasToken(token)
    }
}

/// Loads a credential that may be renewed, such as one in files or in a vault. It is loaded again for every connection,
/// so a renewed credential needs no restart. [`Credential::from_fn`] makes one of a function.
///
/// A few loads of one [`Arc`] run at the same time, on threads of the client's own. A source whose credential has a
/// signer returns clones of the same signer: connections take turns by the signer's `Arc`.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Loads the current credential, which must not be another source. The future may be polled once and dropped, also
    /// outside of a runtime ([`Credential::load_if_ready`]).
    ///
    /// # Errors
    /// [`CredentialError`] ends the registration before any connection is made: `Invalid` names what cannot be used,
    /// and [`CredentialError::unavailable`] takes the error of a store that may answer later.
    async fn load(&self) -> Result<Credential, CredentialError>;

    /// Whether [`load`](Self::load), or a signer in the credential that it returns, may block its thread, as when it
    /// reads a file. It then runs on a thread where blocking does no harm.
    fn may_block(&self) -> bool {
        true
    }
}

/// A function as a source.
struct FromFn<F>(F);

#[async_trait]
impl<F: Fn() -> Result<Credential, CredentialError> + Send + Sync> CredentialSource for FromFn<F> {
    async fn load(&self) -> Result<Credential, CredentialError> {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
        time::{Duration, SystemTime},
    };

    use super::*;
    use crate::testing::ready;

    #[test]
    fn a_source_is_loaded_every_time_and_must_not_return_another() {
        let asked = AtomicUsize::new(0);
        let source = Credential::from_fn(move || {
            let n = asked.fetch_add(1, Ordering::Relaxed);
            Ok(SasToken::new(&format!("SharedAccessSignature sr=a&sig=b&se={n}"))?.into())
        });
        for n in 0..2 {
            let Ok(Credential::SasToken(token)) = ready(source.load()) else {
                panic!("a token")
            };
            assert_eq!(token.expires_at(), SystemTime::UNIX_EPOCH + Duration::from_secs(n));
        }
        let nested = Credential::from_fn(move || Ok(source.clone()));
        let error = ready(nested.load()).expect_err("a source of a source");
        assert!(matches!(&error, CredentialError::Invalid(input) if input.input() == "credential"));
        assert_eq!(
            nested.load_if_ready().expect_err("a source of a source").input(),
            "credential"
        );
    }

    /// A vault that answers, is not available, or never answers.
    enum Vault {
        Answers,
        IsSealed,
        NeverAnswers,
    }

    #[async_trait]
    impl CredentialSource for Vault {
        async fn load(&self) -> Result<Credential, CredentialError> {
            match self {
                Self::Answers => Ok(SasToken::new("SharedAccessSignature sr=a&sig=b&se=1")?.into()),
                Self::IsSealed => Err(CredentialError::unavailable("the vault is sealed")),
                Self::NeverAnswers => pending().await,
            }
        }
    }

    #[test]
    fn a_source_that_waits_or_is_not_available_has_no_credential_yet_and_is_no_wrong_input() {
        let load = |vault| Credential::from_source(vault).load_if_ready().expect("no wrong input");
        assert!(matches!(load(Vault::Answers), Credential::SasToken(_)));
        for (vault, reason) in [
            (Vault::IsSealed, "is not available: the vault is sealed"),
            (Vault::NeverAnswers, "is not loaded yet"),
        ] {
            let credential = load(vault);
            assert!(matches!(credential, Credential::Source(_)));
            let error = credential.registration_id().expect_err("not known yet");
            assert_eq!(error.input(), "registration id");
            assert!(error.expected().ends_with(reason), "{error}");
        }
        let error = ready(Credential::from_source(Vault::IsSealed).load()).expect_err("sealed");
        assert!(matches!(error, CredentialError::Unavailable(_)), "{error}");
    }
}
