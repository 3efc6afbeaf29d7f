//! The sections of `docs/troubleshooting.md` that hints name.

use std::fmt;

use provisioning_device::{ErrorCode, ErrorKind, RegisterError, ServiceError, Unanswered};

/// A section, as the anchor of its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section(&'static str);

impl Section {
    pub(crate) const CLOCK: Self = Self("the-device-starts-in-1970");
    pub(crate) const NAME: Self = Self("the-name-is-not-resolved");
    pub(crate) const FIREWALL: Self = Self("a-firewall-blocks-port-8883");
    pub(crate) const PROXY_NEEDED: Self = Self("only-a-proxy-leads-out-of-the-network");
    pub(crate) const PROXY: Self = Self("the-proxy-refuses");
    pub(crate) const OTHER_SERVER: Self = Self("a-login-page-or-another-server-answers");
    pub(crate) const UNTRUSTED_MIDDLEBOX: Self = Self("a-middlebox-inspects-tls-and-its-ca-is-not-trusted");
    pub(crate) const TRUSTED_MIDDLEBOX: Self = Self("a-middlebox-inspects-tls-and-its-ca-is-trusted");
    pub(crate) const LARGE_PACKETS: Self = Self("large-packets-are-lost");
    pub(crate) const EXPIRED: Self = Self("the-devices-certificate-has-expired");
    pub(crate) const CHAIN: Self = Self("an-intermediate-certificate-is-missing");
    pub(crate) const REFUSED: Self = Self("the-service-refuses-the-credential");
    const SYMPTOMS: Self = Self("by-symptom");
    const ERROR_CODES: Self = Self("by-error-code");

    /// The section of a failed registration. `None` if its hint says what the page says.
    pub(crate) fn of_registration(error: &RegisterError) -> Option<Self> {
        match Unanswered::source_of(error) {
            // Services end the connection like this when they refuse the credential.
            Some(_) => Some(Self::REFUSED),
            None => Self::of_kind(error.kind(), error.service().and_then(ServiceError::error_code)),
        }
    }

    /// The section of a failure of this kind, with the service's code.
    pub(crate) fn of_kind(kind: ErrorKind, code: Option<ErrorCode>) -> Option<Self> {
        match (kind, code) {
            (ErrorKind::Unauthorized, None | Some(ErrorCode::InvalidCredential | ErrorCode::Other(_))) => {
                Some(Self::REFUSED)
            }
            (_, Some(code)) if !matches!(code, ErrorCode::Other(_)) => Some(Self::ERROR_CODES),
            (ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost, _) => Some(Self::SYMPTOMS),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn anchor(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docs/troubleshooting.md#{}", self.0)
    }
}
