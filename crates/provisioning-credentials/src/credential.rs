//! The credential of a device: a certificate, a symmetric key, a token, or where to read one of them.

use std::{fmt, sync::Arc};

use provisioning_types::{InvalidInput, RegistrationId};

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
    /// Loads the credential of a [`Source`](Self::Source), which may block; clones any other. Never returns a source.
    ///
    /// # Errors
    /// [`InvalidInput`] when the source fails, or returns another source.
    pub fn load(&self) -> Result<Self, InvalidInput> {
        let Self::Source(source) = self else {
            return Ok(self.clone());
        };
        match source.load()? {
            Self::Source(_) => Err(nested_source()),
            credential => Ok(credential),
        }
    }

    /// The registration id that the credential itself contains: an X.509 certificate's common name.
    ///
    /// # Errors
    /// [`InvalidInput`] when it contains none, or one that is not a registration id; and as [`load`](Self::load).
    pub fn registration_id(&self) -> Result<RegistrationId, InvalidInput> {
        match self.load()? {
            Self::X509(x509) => x509.registration_id(),
            _ => {
                let expected = "one to be given, as a symmetric key or SAS token does not contain it";
                Err(InvalidInput::new("registration id", expected))
            }
        }
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

/// Loads a credential that may be renewed, such as one in files. It is loaded again for every connection, so a renewed
/// credential needs no restart. Implemented by every function that returns a credential.
pub trait CredentialSource: Send + Sync {
    /// Loads the current credential, which must not be another source. It may block.
    ///
    /// # Errors
    /// [`InvalidInput`] names what cannot be read or used. It ends the registration before any connection is made.
    fn load(&self) -> Result<Credential, InvalidInput>;
}

impl<F: Fn() -> Result<Credential, InvalidInput> + Send + Sync> CredentialSource for F {
    fn load(&self) -> Result<Credential, InvalidInput> {
        self()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_source_is_loaded_every_time_and_must_not_return_another() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let source = Credential::Source(Arc::new(move || {
            let n = counted.fetch_add(1, Ordering::Relaxed);
            SasToken::new(&format!("SharedAccessSignature sr=a&sig=b&se={n}")).map(Credential::from)
        }));
        for n in 0..2 {
            let Ok(Credential::SasToken(token)) = source.load() else {
                panic!("a token")
            };
            assert_eq!(token.expires_at(), SystemTime::UNIX_EPOCH + Duration::from_secs(n));
        }
        let nested = Credential::Source(Arc::new(move || Ok(source.clone())));
        assert_eq!(nested.load().expect_err("a source of a source").input(), "credential");
    }
}
