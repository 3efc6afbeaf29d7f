//! Why there is no credential: a wrong one, or one that is not available.

use std::error::Error;

use crate::{error_kind::ErrorKind, invalid_input::InvalidInput, transport_error::TransportError};

/// Why there is no credential, no signature or no proof: whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The credential cannot be used. Correct it.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// The credential is not available now: an HSM, a vault or a key service is busy or cannot be reached. Try again
    /// later.
    #[error("{UNAVAILABLE}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

const UNAVAILABLE: &str = "the device's key or credential is not available";

impl CredentialError {
    /// The credential is not available now, because of `cause`: `map_err(CredentialError::unavailable)`.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl From<CredentialError> for TransportError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Invalid(input) => input.into(),
            CredentialError::Unavailable(cause) => Self::new(ErrorKind::Local, UNAVAILABLE).with_source(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_is_not_available_is_this_machines_failure_and_one_that_is_wrong_is_an_input() {
        let busy = TransportError::from(CredentialError::unavailable("the HSM is busy"));
        assert_eq!(busy.kind(), ErrorKind::Local);
        assert!(busy.kind().is_retryable());
        assert_eq!(busy.source().expect("the cause").to_string(), "the HSM is busy");
        let wrong = CredentialError::from(InvalidInput::new("certificate", "PEM"));
        let wrong = TransportError::from(wrong);
        assert_eq!(wrong.kind(), ErrorKind::Input);
        assert!(wrong.invalid_input().is_some());
    }
}
