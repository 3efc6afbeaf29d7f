//! When a certificate or a token is valid.

use std::time::{Duration, SystemTime};

use provisioning_device::Credential;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The period in which a certificate or a token is valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) until: SystemTime,
}

impl Validity {
    /// The period of a certificate in DER.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let validity = certificate.validity();
        Some(Self {
            from: time(validity.not_before.timestamp()),
            until: time(validity.not_after.timestamp()),
        })
    }

    /// The dates of a certificate or of a token. The dates of a key are those of a token that it signs `now` for
    /// `lifetime`.
    pub(crate) fn of_credential(credential: &Credential, lifetime: Duration, now: SystemTime) -> Option<Self> {
        let from = SystemTime::UNIX_EPOCH;
        Some(match credential {
            Credential::X509(x509) => Self {
                from: x509.not_before(),
                until: x509.not_after(),
            },
            Credential::SasToken(token) => Self {
                from,
                until: token.expires_at(),
            },
            _ => Self {
                from,
                until: now.checked_add(lifetime)?,
            },
        })
    }

    pub(crate) fn includes(&self, time: SystemTime) -> bool {
        !self.begins_after(time) && !self.ended_before(time)
    }

    pub(crate) fn begins_after(&self, time: SystemTime) -> bool {
        time < self.from
    }

    pub(crate) fn ended_before(&self, time: SystemTime) -> bool {
        self.until < time
    }
}

/// `seconds` since 1970; a time before counts as 1970.
fn time(seconds: i64) -> SystemTime {
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970);
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
