//! When a certificate is valid.

use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;

/// From when a certificate is valid. Before 1970 for some.
pub(crate) fn not_before(certificate: &X509Certificate<'_>) -> SystemTime {
    system_time(certificate.validity().not_before.timestamp())
}

/// Until when a certificate is valid.
pub(crate) fn not_after(certificate: &X509Certificate<'_>) -> SystemTime {
    system_time(certificate.validity().not_after.timestamp())
}

/// `seconds` since 1970; negative before 1970.
fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
