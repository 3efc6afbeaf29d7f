//! What to look at first when the service does not take the device's credential: MQTT does not say which part of it was
//! wrong.

use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};
use provisioning_types::{SasToken, X509Credential};

use crate::TransportConfig;

/// A hint that fits what was presented; `now` is what this device's clock says.
pub(crate) fn hint(config: &TransportConfig, now: SystemTime) -> String {
    match (&config.x509, &config.password) {
        (Some(x509), _) => of_certificate(x509, &config.client_id, now),
        (None, Some(password)) => {
            let text = std::str::from_utf8(password.expose()).unwrap_or_default();
            let expires_at = SasToken::new(text).ok().map(|token| token.expires_at());
            of_token(expires_at, now)
        }
        (None, None) => "give the device a credential".to_owned(),
    }
}

fn of_certificate(x509: &X509Credential, registration_id: &str, now: SystemTime) -> String {
    let name = x509.common_name().unwrap_or_default();
    if !name.eq_ignore_ascii_case(registration_id) {
        return format!("the certificate's common name {name:?} must be the registration id {registration_id}");
    }
    if let Ok(since) = now.duration_since(x509.not_after()) {
        let since = rounded(since);
        return format!("the certificate expired {since} ago by this device's clock: renew it, or set the clock");
    }
    if let Ok(wait) = x509.not_before().duration_since(now) {
        let wait = rounded(wait);
        return format!("the certificate will be valid in {wait} by this device's clock: set the clock, or wait");
    }
    "check the id scope, and that the certificate is the enrolled one or is signed by its group's verified CA, with the \
     intermediates in between"
        .to_owned()
}

fn of_token(expires_at: Option<SystemTime>, now: SystemTime) -> String {
    if let Some(since) = expires_at.and_then(|expires_at| now.duration_since(expires_at).ok()) {
        let since = rounded(since);
        return format!("the SAS token expired {since} ago by this device's clock: make a new one, or set the clock");
    }
    let now = format_rfc3339_seconds(now);
    format!(
        "check the id scope, that the registration id is enrolled, that the key is its own or derived from its group's with \
         exactly this id, and the clock: it says {now} here, and a token that is old or early for the service is refused"
    )
}

/// The two largest units.
fn rounded(duration: Duration) -> String {
    let text = format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_has_expired_is_told_with_its_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let hint = of_token(Some(now - Duration::from_secs(3 * 3600 + 125)), now);
        assert_eq!(
            hint,
            "the SAS token expired 3h 2m ago by this device's clock: make a new one, or set the clock"
        );
        let hint = of_token(Some(now + Duration::from_secs(3600)), now);
        assert!(hint.contains("it says 1970-01-12T13:46:40Z here"), "{hint}");
    }
}
