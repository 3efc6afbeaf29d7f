//! The service's six-digit error codes.

use std::fmt;

use serde::{Serialize, Serializer};

/// The service's reason for a refusal. Its first three digits are the status. The service does not publish its list, so
/// this one is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400207: the webhook of a custom allocation failed.
    CustomAllocationFailed,
    /// 400208: the enrollment has no hub.
    NoHub,
    /// 400209: the hub refuses the provisioning service.
    HubUnauthorized,
    /// 401001: the hub does not exist.
    HubNotFound,
    /// 401002: the credential does not fit the enrollment.
    InvalidCredential,
    /// 404203: no such operation.
    OperationNotFound,
    /// 409203: the same registration id is registering twice at the same time.
    SimultaneousRegistration,
    /// 429001: too many requests.
    TooManyRequests,
    /// A code that this version has no name for.
    Other(u64),
}

impl ErrorCode {
    /// The six-digit number.
    pub fn number(self) -> u64 {
        match self {
            Self::CustomAllocationFailed => 400_207,
            Self::NoHub => 400_208,
            Self::HubUnauthorized => 400_209,
            Self::HubNotFound => 401_001,
            Self::InvalidCredential => 401_002,
            Self::OperationNotFound => 404_203,
            Self::SimultaneousRegistration => 409_203,
            Self::TooManyRequests => 429_001,
            Self::Other(code) => code,
        }
    }

    /// Whether the same request may succeed later without anything being changed: 429xxx, 500xxx to 599xxx, and two
    /// registrations of one device at the same time.
    pub fn is_transient(self) -> bool {
        self == Self::SimultaneousRegistration || matches!(self.number() / 1000, 429 | 500..=599)
    }

    /// What to check first, in one sentence, where the code says more than its status.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::CustomAllocationFailed => Some(
                "look at the webhook of the enrollment's custom allocation: it must answer in time, and with a hub that \
                 is linked to the provisioning service",
            ),
            Self::NoHub => Some("link a hub to the provisioning service, or name a linked one in the enrollment"),
            Self::HubUnauthorized => Some(
                "the hub that the enrollment's allocation chose refuses the provisioning service: renew the link to the \
                 hub, as its access key may have changed",
            ),
            Self::HubNotFound => Some(
                "the hub that the enrollment's allocation chose does not exist: correct the provisioning service's \
                 link to it",
            ),
            Self::SimultaneousRegistration => Some(
                "the same registration id is registering twice at the same time: if another process or another device \
                 uses it, end that one and give each device an id of its own; if an earlier connection of this device \
                 has not ended yet, register again in a minute",
            ),
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
            400_207 => Self::CustomAllocationFailed,
            400_208 => Self::NoHub,
            400_209 => Self::HubUnauthorized,
            401_001 => Self::HubNotFound,
            401_002 => Self::InvalidCredential,
            404_203 => Self::OperationNotFound,
            409_203 => Self::SimultaneousRegistration,
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
        for code in [400_207, 400_208, 400_209, 401_001, 401_002, 404_203, 409_203, 429_001] {
            assert_eq!(ErrorCode::from(code).number(), code);
            assert!(!matches!(ErrorCode::from(code), ErrorCode::Other(_)));
        }
        assert_eq!(ErrorCode::from(499_999), ErrorCode::Other(499_999));
        assert_eq!(ErrorCode::Other(7).to_string(), "7");
    }

    #[test]
    fn codes_of_throttling_and_of_the_services_own_failures_pass() {
        for code in [409_203, 429_000, 429_001, 500_000, 500_001, 503_999] {
            assert!(ErrorCode::from(code).is_transient(), "{code}");
        }
        for code in [
            400_207, 400_209, 401_002, 404_203, 409_000, 428_999, 430_000, 600_000, 500,
        ] {
            assert!(!ErrorCode::from(code).is_transient(), "{code}");
        }
    }
}
