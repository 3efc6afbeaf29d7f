//! Problems of a credential that this device can see. They are warnings: the service decides.

#[cfg(unix)]
use std::fs::Metadata;
use std::{path::Path, time::SystemTime};

use provisioning_device::{Credential, SasToken, X509Credential};

use super::flags::Identity;
use crate::output::dates::{about, date};

/// The problems of the credential of the device `registration_id`, a sentence each.
pub(crate) fn warnings(credential: &Credential, registration_id: Option<&str>, now: SystemTime) -> Vec<String> {
    match credential {
        Credential::X509(x509) => {
            let name = registration_id.and_then(|id| common_name(x509, id));
            dates(x509, now).into_iter().chain(name).collect()
        }
        Credential::SasToken(token) => {
            let expired = expiry(token, now);
            expired.into_iter().map(|it| format!("{it}: make a new one")).collect()
        }
        _ => vec![],
    }
}

/// The problem if others may read the file with the credential's secret, and what to do.
pub(crate) fn exposed_secret(flags: &Identity) -> Option<(String, String)> {
    flags.secret_files().find_map(|file| readable_by_others(file.path()))
}

#[cfg(unix)]
fn readable_by_others(file: &Path) -> Option<(String, String)> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = std::fs::metadata(file).ok().filter(Metadata::is_file)?;
    let mode = metadata.permissions().mode();
    let file = file.display();
    (mode & 0o044 != 0).then(|| {
        let problem = format!(
            "other users of this machine may read {file} (mode {:04o})",
            mode & 0o7777
        );
        (problem, format!("run `chmod 600 {file}`"))
    })
}

/// Other systems have no such mode.
#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Option<(String, String)> {
    None
}

/// The problem if the certificate is not valid at `now`.
pub(crate) fn dates(x509: &X509Credential, now: SystemTime) -> Option<String> {
    if now > x509.not_after() {
        Some(format!("the device certificate expired on {}", date(x509.not_after())))
    } else if now < x509.not_before() {
        let begin = date(x509.not_before());
        Some(format!("the device certificate is not valid before {begin}"))
    } else {
        None
    }
}

/// The problem if the certificate is for another device.
pub(crate) fn common_name(x509: &X509Credential, registration_id: &str) -> Option<String> {
    let name = x509.common_name();
    let fits = name.is_some_and(|name| name.eq_ignore_ascii_case(registration_id));
    let shown = name.unwrap_or("missing");
    (!fits).then(|| format!("the certificate's common name is {shown}, not the registration id {registration_id}"))
}

/// The problem if the token has expired at `now`.
pub(crate) fn expiry(token: &SasToken, now: SystemTime) -> Option<String> {
    let since = now.duration_since(token.expires_at()).ok()?;
    let (end, since) = (date(token.expires_at()), about(since));
    Some(format!("the SAS token expired on {end}, {since} ago"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_may_read_is_named_with_the_command_that_protects_it() {
        use std::os::unix::fs::PermissionsExt;

        let file = tempfile::NamedTempFile::new().expect("a file");
        let set_mode =
            |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).expect("mode");
        for mode in [0o600, 0o400, 0o700] {
            set_mode(mode);
            assert_eq!(readable_by_others(file.path()), None, "{mode:o}");
        }
        for mode in [0o644, 0o640, 0o604] {
            set_mode(mode);
            let (problem, remedy) = readable_by_others(file.path()).expect("a problem");
            assert!(problem.contains(&format!("(mode {mode:04o})")), "{problem}");
            assert_eq!(remedy, format!("run `chmod 600 {}`", file.path().display()));
        }
        assert_eq!(readable_by_others(Path::new("/dev/null")), None);
        assert_eq!(readable_by_others(Path::new("no/such")), None);
    }

    #[test]
    fn an_expired_token_says_since_when() {
        let token = SasToken::new("SharedAccessSignature sr=a&sig=b&se=1000").expect("a token");
        assert_eq!(expiry(&token, at(999)), None);
        assert_eq!(
            expiry(&token, at(8_261)).as_deref(),
            Some("the SAS token expired on 1970-01-01T00:16:40Z, 2h 1m ago")
        );
    }
}
