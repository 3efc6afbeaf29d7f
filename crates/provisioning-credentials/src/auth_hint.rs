//! What to check first when the service refuses a credential: MQTT does not say which part of it is wrong.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_seconds};
use provisioning_types::RegistrationId;

use crate::x509::{credential::X509Credential, defects};

/// The hint for a certificate that `registration_id` presents at `now`.
pub(crate) fn for_certificate(x509: &X509Credential, registration_id: &RegistrationId, now: SystemTime) -> String {
    let name = x509.common_name().unwrap_or_default();
    if !name.eq_ignore_ascii_case(registration_id.as_str()) {
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
    let defects: Vec<_> = x509
        .defects()
        .iter()
        .map(|defect| format!("{defect}: {}", defect.hint()))
        .collect();
    let first = match defects.is_empty() {
        true => String::new(),
        false => format!("{}; servers reject such certificates; otherwise ", defects.join("; ")),
    };
    let sent = defects::sent(x509.chain());
    format!(
        "{first}check the network rules of the service instance (public access, IP filter, private endpoint); that every \
         intermediate CA up to the one that the service knows is sent ({sent}); the id scope; and that the certificate is \
         the enrolled one, or is signed by its group's verified CA"
    )
}

/// The hint for a token that expires at `expires_at` and is presented at `now`.
pub(crate) fn for_token(expires_at: SystemTime, now: SystemTime) -> String {
    if let Ok(since) = now.duration_since(expires_at) {
        let since = rounded(since);
        return format!("the SAS token expired {since} ago by this device's clock: make a new one, or set the clock");
    }
    let now = date(now);
    format!(
        "check the network rules of the service instance (public access, IP filter, private endpoint); the id scope; that \
         the registration id is enrolled; that the key is its own or derived from its group's with exactly this id; and the \
         clock: it says {now} here, and a token that is old or early for the service is refused"
    )
}

/// The date and the time of day. humantime has none before 1970 and after the year 9999.
fn date(time: SystemTime) -> String {
    if time < SystemTime::UNIX_EPOCH {
        return "a time before 1970".to_owned();
    }
    let mut text = String::new();
    match write!(text, "{}", format_rfc3339_seconds(time)) {
        Ok(()) => text,
        Err(_) => "a time after the year 9999".to_owned(),
    }
}

/// The two largest units.
fn rounded(duration: Duration) -> String {
    let text = format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::named;

    #[test]
    fn the_hint_for_an_expired_token_says_how_long_ago_it_expired() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let hint = for_token(now - Duration::from_secs(3 * 3600 + 125), now);
        assert_eq!(
            hint,
            "the SAS token expired 3h 2m ago by this device's clock: make a new one, or set the clock"
        );
        let hint = for_token(now + Duration::from_secs(3600), now);
        assert!(hint.contains("it says 1970-01-12T13:46:40Z here"), "{hint}");
    }

    #[test]
    fn the_hint_for_a_certificate_names_the_first_of_name_and_validity_that_is_wrong() {
        let mut params = named(Some("Device-1"));
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
        let x509 = x509.expect("a credential");
        let day = Duration::from_secs(86_400);
        for (id, now, expected) in [
            (
                "device-2",
                x509.not_after() + day,
                "\"Device-1\" must be the registration id device-2",
            ),
            ("device-1", x509.not_after() + day, "the certificate expired 1day ago"),
            (
                "device-1",
                x509.not_before() - day,
                "the certificate will be valid in 1day",
            ),
            (
                "device-1",
                x509.not_before() + day,
                "(1 certificate is sent, the last one self-signed)",
            ),
        ] {
            let hint = for_certificate(&x509, &RegistrationId::new(id).expect("an id"), now);
            assert!(hint.contains(expected), "{hint}");
        }
    }

    #[test]
    fn the_hint_for_a_certificate_that_servers_reject_names_every_defect_and_then_what_else_it_may_be() {
        let mut params = named(Some("device-1"));
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let x509 = X509Credential::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes());
        let x509 = x509.expect("a credential");
        let now = x509.not_before() + Duration::from_secs(1);
        let hint = for_certificate(&x509, &RegistrationId::new("device-1").expect("an id"), now);
        let places = ["clientAuth", "digitalSignature", "servers reject", "network rules"].map(|part| hint.find(part));
        assert!(places.is_sorted() && places[0].is_some(), "{hint}");
    }
}
