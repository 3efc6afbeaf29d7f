//! Reads the dates and the issuer of a server's certificate.

use std::time::{Duration, SystemTime};

use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

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

/// The name of the CA that issued `certificate` (DER), in quotes.
pub(crate) fn issuer(certificate: Option<&[u8]>) -> String {
    let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
    parsed.map_or_else(
        || "an unknown CA".to_owned(),
        |(_, certificate)| quoted(certificate.issuer()),
    )
}

/// The common name of a name.
pub(crate) fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next()?.as_str().ok()
}

fn quoted(issuer: &X509Name<'_>) -> String {
    let organization = issuer.iter_organization().next().and_then(|name| name.as_str().ok());
    let shown = match (common_name(issuer), organization) {
        (Some(name), Some(organization)) => format!("{name} ({organization})"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => issuer.to_string(),
    };
    // Escaped: the peer chose the name, and control characters would reach the terminal.
    format!("{shown:?}")
}
