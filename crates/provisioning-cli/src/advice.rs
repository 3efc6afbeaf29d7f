//! What this side can see to be wrong with a credential or the clock. The service decides; this explains.

use std::time::{Duration, SystemTime};

use provisioning_device::{Credential, ErrorKind, RegisterError, SasToken, X509Credential};

/// What may be wrong with the credential of the device `registration_id`, a sentence each.
pub(crate) fn on_credential(credential: &Credential, registration_id: Option<&str>, now: SystemTime) -> Vec<String> {
    match credential {
        Credential::X509(x509) => {
            let name = registration_id.and_then(|id| on_common_name(x509, id));
            on_dates(x509, now).into_iter().chain(name).collect()
        }
        Credential::SasToken(token) => {
            let expired = on_token(token, now);
            expired.into_iter().map(|it| format!("{it}: make a new one")).collect()
        }
        _ => vec![],
    }
}

/// What this side knows beside the error's own hint: the `warnings` there were if TLS failed, which does not say why a
/// certificate was rejected, and how far off the clock is if the service's answer tells the time.
pub(crate) fn on_refusal(error: &RegisterError, warnings: &[String], now: SystemTime) -> Vec<String> {
    let warnings = if error.kind() == ErrorKind::Tls { warnings } else { &[] };
    let skew = error.service().and_then(|service| service.clock_skew(now));
    let clock = skew.map(|skew| format!("{skew}: set it"));
    warnings.iter().cloned().chain(clock).collect()
}

/// Whether the certificate is valid at `now`.
pub(crate) fn on_dates(x509: &X509Credential, now: SystemTime) -> Option<String> {
    if now > x509.not_after() {
        Some(format!("the device certificate expired on {}", date(x509.not_after())))
    } else if now < x509.not_before() {
        let begin = date(x509.not_before());
        Some(format!("the device certificate is not valid before {begin}"))
    } else {
        None
    }
}

/// Whether the certificate is for the device that it is to register.
pub(crate) fn on_common_name(x509: &X509Credential, registration_id: &str) -> Option<String> {
    let name = x509.common_name();
    let fits = name.is_some_and(|name| name.eq_ignore_ascii_case(registration_id));
    let shown = name.unwrap_or("missing");
    (!fits).then(|| format!("the certificate's common name is {shown}, not the registration id {registration_id}"))
}

/// Whether the token is still good at `now`.
pub(crate) fn on_token(token: &SasToken, now: SystemTime) -> Option<String> {
    let since = now.duration_since(token.expires_at()).ok()?;
    let (end, since) = (date(token.expires_at()), about(since));
    Some(format!("the SAS token expired on {end}, {since} ago"))
}

/// A point in time as people and programs read it.
pub(crate) fn date(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A time span without what does not matter at its size.
fn about(span: Duration) -> String {
    let seconds = span.as_secs();
    let grain = match seconds {
        86_400.. => 3_600,
        3_600.. => 60,
        _ => 1,
    };
    humantime::format_duration(Duration::from_secs(seconds / grain * grain)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_expired_token_says_since_when() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=b&se=1000").expect("a token");
        assert_eq!(on_token(&token, at(999)), None);
        assert_eq!(
            on_token(&token, at(8_261)).as_deref(),
            Some("the SAS token expired on 1970-01-01T00:16:40Z, 2h 1m ago")
        );
    }
}
