//! Registers the device, when that is asked for, and names the failure.

use provisioning_device::ErrorKind;

use super::{code::Code, finding::Finding};
use crate::{
    commands::{interrupt::interrupted, register::attempt},
    input::{client::CheckedClient, flags::Registration, options::Options},
    output::{failure::Failure, kind::Kind},
};

const CHECK: &str = "registration";

/// Registers the device. `is_x509` says whether its credential is a certificate.
pub(super) async fn check(flags: &Registration, options: &Options<'_>, is_x509: bool) -> Finding {
    let checked = match CheckedClient::new(flags, options) {
        Ok(checked) => checked,
        Err(failure) => return Finding::failed(CHECK, Code::RegistrationInput, failure),
    };
    match attempt::register(&checked, interrupted()).await {
        Ok(assignment) => {
            let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
            Finding::ok(CHECK, format!("assigned to {hub} as {device_id}"))
        }
        Err(failure) => Finding::failed(CHECK, code(&failure, is_x509), failure),
    }
}

fn code(failure: &Failure, is_x509: bool) -> Code {
    let Kind::Library(kind) = failure.kind else {
        return Code::RegistrationInput;
    };
    match kind {
        ErrorKind::Unauthorized if is_x509 => Code::CertificateRefused,
        ErrorKind::Unauthorized => Code::TokenRefused,
        ErrorKind::Input => Code::RegistrationInput,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost => Code::RegistrationNotConnected,
        ErrorKind::Timeout => Code::RegistrationTimedOut,
        ErrorKind::Throttled | ErrorKind::Service => Code::ServiceUnavailable,
        ErrorKind::Local => Code::LocalFailure,
        ErrorKind::Cancelled => Code::Cancelled,
        _ => Code::RegistrationRefused,
    }
}
