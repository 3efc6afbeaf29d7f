//! What can be said about the credential without asking anybody.

use std::time::{Duration, SystemTime};

use provisioning_device::{Credential, ErrorKind, SasToken, Tls, X509Credential};

use super::finding::Finding;
use crate::{advice, failure::Failure};

/// Who looks after devices wants to know this early.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Looks at what `credential` holds, and whether it is for `registration_id`.
pub(super) fn look_at(
    credential: Result<Option<Credential>, Failure>,
    registration_id: Option<&str>,
    now: SystemTime,
) -> Vec<Finding> {
    match credential {
        Err(failure) => vec![Finding::failed("credential", failure)],
        Ok(None) => vec![Finding::skipped(
            "credential",
            "none is given: add --cert and --key, or --symmetric-key-file",
        )],
        Ok(Some(Credential::X509(x509))) => certificate(&x509, registration_id, now),
        Ok(Some(Credential::SasToken(token))) => vec![sas_token(&token, now), given(registration_id)],
        Ok(Some(_)) => vec![Finding::ok("credential", "a symmetric key"), given(registration_id)],
    }
}

fn certificate(x509: &X509Credential, registration_id: Option<&str>, now: SystemTime) -> Vec<Finding> {
    let form = match x509.chain().len() {
        1 => "a certificate without intermediates, and its key".to_owned(),
        length => format!("a certificate, {} above it, and its key", length - 1),
    };
    vec![
        Finding::ok("credential", form),
        key(x509),
        dates(x509, now),
        common_name(x509, registration_id),
    ]
}

fn key(x509: &X509Credential) -> Finding {
    match Tls::new().check(x509.certificate()) {
        Ok(()) => Finding::ok("private key", "it is the certificate's"),
        Err(error) => Finding::failed("private key", error),
    }
}

fn dates(x509: &X509Credential, now: SystemTime) -> Finding {
    let end = advice::date(x509.not_after());
    if let Some(problem) = advice::on_dates(x509, now) {
        let hint = "renew the certificate, and check this clock";
        return Finding::failed("certificate dates", Failure::found(ErrorKind::Input, problem, hint));
    }
    let left = x509.not_after().duration_since(now).unwrap_or_default();
    if left < SOON {
        let days = left.as_secs() / 86_400;
        let message = format!("the certificate expires on {end}, {days} days from now");
        return Finding::warning("certificate dates", message, "renew it");
    }
    Finding::ok("certificate dates", format!("it is valid until {end}"))
}

fn common_name(x509: &X509Credential, registration_id: Option<&str>) -> Finding {
    let check = "registration id";
    match registration_id {
        Some(id) => match advice::on_common_name(x509, id) {
            Some(problem) => {
                let hint = "register under the common name, or get a certificate for this id";
                Finding::failed(check, Failure::found(ErrorKind::Input, problem, hint))
            }
            None => Finding::ok(check, format!("{id}, as in the certificate")),
        },
        None => match Credential::from(x509.clone()).registration_id() {
            Ok(id) => Finding::ok(check, format!("{id}, the certificate's common name")),
            Err(error) => Finding::failed(check, error),
        },
    }
}

fn sas_token(token: &SasToken, now: SystemTime) -> Finding {
    match advice::on_token(token, now) {
        Some(problem) => Finding::failed(
            "credential",
            Failure::found(ErrorKind::Input, problem, "make it where the key is, with `dps sas`"),
        ),
        None => Finding::ok(
            "credential",
            format!("a SAS token, valid until {}", advice::date(token.expires_at())),
        ),
    }
}

/// Keys and tokens do not say whose they are.
fn given(registration_id: Option<&str>) -> Finding {
    match registration_id.map(provisioning_device::RegistrationId::new) {
        Some(Ok(id)) => Finding::ok("registration id", id.to_string()),
        Some(Err(error)) => Finding::failed("registration id", error),
        None => {
            let message = "--registration-id is missing";
            let hint = "a symmetric key or a token does not name its device";
            Finding::failed("registration id", Failure::found(ErrorKind::Input, message, hint))
        }
    }
}
