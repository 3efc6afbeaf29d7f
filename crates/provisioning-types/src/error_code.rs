//! The service's six-digit error codes.

use std::fmt;

use serde::{Serialize, Serializer};

/// The service's reason for a refusal. Its first three digits are the status. The service does not publish its list, so
/// this one is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 401002: the credential does not fit the enrollment.
    InvalidCredential,
    /// 404203: no such operation.
    OperationNotFound,
    /// 429001: too many requests.
    TooManyRequests,
    /// A code that this version has no name for.
    Other(u64),
}

impl ErrorCode {
    /// The six-digit number.
    pub fn number(self) -> u64 {
        match self {
            Self::InvalidCredential => 401_002,
            Self::OperationNotFound => 404_203,
            Self::TooManyRequests => 429_001,
            Self::Other(code) => code,
        }
    }

    /// What to check first, in one sentence, where the code says more than its status.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::InvalidCredential => Some(
                "check that the certificate is the enrolled one or signed by its group's verified CA, or the key the \
                 enrollment's, that its common name is the registration id, and that it has not expired",
            ),
            Self::OperationNotFound => Some("register again: the service no longer knows this operation"),
            Self::TooManyRequests | Self::Other(_) => None,
        }
    }
}

impl Serialize for ErrorCode {
    /// The number.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.number().serialize(serializer)
    }
}

impl From<u64> for ErrorCode {
    fn from(code: u64) -> Self {
        match code {
            401_002 => Self::InvalidCredential,
            404_203 => Self::OperationNotFound,
            429_001 => Self::TooManyRequests,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stays_what_it_is_and_a_new_one_is_no_error() {
        for code in [401_002, 404_203, 429_001] {
            assert_eq!(ErrorCode::from(code).number(), code);
            assert!(!matches!(ErrorCode::from(code), ErrorCode::Other(_)));
        }
        assert_eq!(ErrorCode::from(499_999), ErrorCode::Other(499_999));
        assert_eq!(ErrorCode::Other(7).to_string(), "7");
    }
}
