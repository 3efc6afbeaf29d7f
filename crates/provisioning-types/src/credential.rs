//! How a device proves who it is.

use std::{fmt, sync::Arc};

use crate::{CredentialSource, InvalidInput, RegistrationId, SasToken, SymmetricKey, SymmetricSigner, X509Credential};

/// What a device proves its identity with. Cheap to clone; secrets are wiped when the last clone goes.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A client certificate and its private key, presented in the TLS handshake.
    X509(X509Credential),
    /// A symmetric key, here or elsewhere, that signs a token for every connection.
    SymmetricKey(Arc<dyn SymmetricSigner>),
    /// A token that was made elsewhere, presented as it is.
    SasToken(SasToken),
    /// One of the above, read anew for every connection.
    Source(Arc<dyn CredentialSource>),
}

impl Credential {
    /// The credential as it is now: what a [`Source`](Self::Source) holds, anything else as it stands. It may block.
    ///
    /// # Errors
    /// [`InvalidInput`] when the source cannot be read, or holds no credential.
    pub fn load(&self) -> Result<Self, InvalidInput> {
        let Self::Source(source) = self else {
            return Ok(self.clone());
        };
        match source.load()? {
            Self::Source(_) => Err(InvalidInput::new(
                "credential",
                "a credential, not another source of one",
            )),
            credential => Ok(credential),
        }
    }

    /// The registration id that the credential itself carries: an X.509 certificate's common name.
    ///
    /// # Errors
    /// [`InvalidInput`] when it carries none, or one that is not a registration id; and as [`load`](Self::load).
    pub fn registration_id(&self) -> Result<RegistrationId, InvalidInput> {
        match self.load()? {
            Self::X509(x509) => x509.registration_id(),
            _ => {
                let expected = "to be given: a symmetric key or a token does not name its device";
                Err(InvalidInput::new("registration id", expected))
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_source_is_asked_every_time_and_may_not_lead_to_another() {
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
