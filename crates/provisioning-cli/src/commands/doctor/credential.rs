//! Checks the credential without a connection.

use std::time::{Duration, SystemTime};

use provisioning_device::{CertificateDefect, Credential, ErrorKind, RegistrationId, SasToken, Tls, X509Credential};

use super::{code::Code, finding::Finding};
use crate::{
    input::credential_check,
    output::{
        dates::{date, minute},
        failure::Failure,
    },
};

/// A certificate that expires within this time is a warning.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Checks what the credential contains, and whether it is for `registration_id`.
pub(crate) fn check(
    credential: Result<Option<Credential>, Failure>,
    registration_id: Option<&str>,
    now: SystemTime,
) -> Vec<Finding> {
    match credential {
        Err(failure) => vec![Finding::failed("credential", Code::CredentialUnreadable, failure)],
        Ok(None) => vec![Finding::skipped(
            "credential",
            "not given: add --cert and --key, or --symmetric-key-file",
        )],
        Ok(Some(Credential::X509(x509))) => certificate(&x509, registration_id, now),
        Ok(Some(Credential::SasToken(token))) => vec![sas_token(&token, now), given(registration_id)],
        Ok(Some(_)) => vec![Finding::ok("credential", "a symmetric key"), given(registration_id)],
    }
}

/// The certificate that the TLS handshakes present: none if its key cannot be used, which is a finding of its own.
pub(crate) fn certificate_to_present(credential: Option<&Credential>) -> Option<X509Credential> {
    match credential {
        Some(Credential::X509(x509)) if Tls::new().check(x509.certificate()).is_ok() => Some(x509.clone()),
        _ => None,
    }
}

fn certificate(x509: &X509Credential, registration_id: Option<&str>, now: SystemTime) -> Vec<Finding> {
    let form = match x509.chain().len() {
        1 => "a certificate without intermediates, and its key".to_owned(),
        length => format!("a certificate, {} above it, and its key", length - 1),
    };
    let mut findings = vec![Finding::ok("credential", form), key(x509), dates(x509, now)];
    findings.extend(chain(x509));
    findings.push(common_name(x509, registration_id));
    findings
}

/// What servers reject in the chain. The service decides, so these are warnings.
fn chain(x509: &X509Credential) -> Vec<Finding> {
    let check = "certificate chain";
    let defects = x509.defects();
    if defects.is_empty() {
        let message = format!("{}: the service has to know that CA", x509.chain_summary());
        return vec![Finding::ok(check, message)];
    }
    let warning = |defect: &CertificateDefect| {
        let message = format!("{defect}, and servers reject such certificates");
        let failure = Failure::new(ErrorKind::Input, message).with_hint(defect.hint());
        Finding::warning(check, code(defect), failure)
    };
    defects.iter().map(warning).collect()
}

fn code(defect: &CertificateDefect) -> Code {
    match defect {
        CertificateDefect::NoClientAuthentication => Code::NoClientAuthentication,
        CertificateDefect::NoDigitalSignature => Code::NoDigitalSignature,
        CertificateDefect::WeakSignature { .. } => Code::WeakSignature,
        CertificateDefect::ShortRsaKey { .. } => Code::ShortRsaKey,
        CertificateDefect::NotTheIssuer { .. } => Code::ChainOrder,
        CertificateDefect::MissingIssuer { .. } => Code::ChainIncomplete,
    }
}

fn key(x509: &X509Credential) -> Finding {
    match Tls::new().check(x509.certificate()) {
        Ok(()) => Finding::ok("private key", "belongs to the certificate"),
        Err(error) => Finding::failed("private key", Code::PrivateKeyUnusable, error),
    }
}

fn dates(x509: &X509Credential, now: SystemTime) -> Finding {
    let check = "certificate dates";
    let (end, clock) = (date(x509.not_after()), minute(now));
    if let Some(problem) = credential_check::dates(x509, now) {
        let (code, hint) = match now < x509.not_before() {
            true => (
                Code::CertificateNotYetValid,
                format!("set this device's clock, which says {clock}; if it is right, wait until then"),
            ),
            false => (
                Code::CertificateExpired,
                format!("renew the certificate, or set this device's clock, which says {clock}"),
            ),
        };
        return Finding::failed(check, code, Failure::new(ErrorKind::Input, problem).with_hint(hint));
    }
    let left = x509.not_after().duration_since(now).unwrap_or_default();
    if left < SOON {
        let days = left.as_secs() / 86_400;
        let message = format!("the certificate expires on {end}, {days} days from now");
        let failure = Failure::new(ErrorKind::Input, message).with_hint("renew it");
        return Finding::warning(check, Code::CertificateExpiresSoon, failure);
    }
    Finding::ok(check, format!("valid until {end}"))
}

fn common_name(x509: &X509Credential, registration_id: Option<&str>) -> Finding {
    let check = "registration id";
    match registration_id {
        Some(id) => match credential_check::common_name(x509, id) {
            Some(problem) => {
                let hint = "register under the common name, or get a certificate for this id";
                let failure = Failure::new(ErrorKind::Input, problem).with_hint(hint);
                Finding::failed(check, Code::RegistrationIdMismatch, failure)
            }
            None => Finding::ok(check, format!("{id}, as in the certificate")),
        },
        None => match Credential::from(x509.clone()).registration_id() {
            Ok(id) => Finding::ok(check, format!("{id}, the certificate's common name")),
            Err(error) => Finding::failed(check, Code::RegistrationIdInvalid, error),
        },
    }
}

fn sas_token(token: &SasToken, now: SystemTime) -> Finding {
    match credential_check::expiry(token, now) {
        Some(problem) => Finding::failed(
            "credential",
            Code::TokenExpired,
            Failure::new(ErrorKind::Input, problem).with_hint(format!(
                "make a new one with `dps sas`, where the key is stored, or set this device's clock, which says {}",
                minute(now)
            )),
        ),
        None => Finding::ok(
            "credential",
            format!("a SAS token, valid until {}", date(token.expires_at())),
        ),
    }
}

/// The registration id of a key or a token, which do not contain one.
fn given(registration_id: Option<&str>) -> Finding {
    match registration_id.map(RegistrationId::new) {
        Some(Ok(id)) => Finding::ok("registration id", id.to_string()),
        Some(Err(error)) => Finding::failed("registration id", Code::RegistrationIdInvalid, error),
        None => {
            let message = "--registration-id is missing";
            let hint = "a symmetric key or a SAS token does not contain one";
            Finding::failed(
                "registration id",
                Code::RegistrationIdMissing,
                Failure::new(ErrorKind::Input, message).with_hint(hint),
            )
        }
    }
}
