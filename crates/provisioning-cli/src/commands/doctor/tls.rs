//! What a failed TLS handshake means, and what to do.

use std::time::SystemTime;

use provisioning_device::{ErrorKind, Probe, TlsFailure, TransportError};

use super::{code::Code, server_certificate::issuer, trusted::Trusted, validity::Validity};
use crate::output::{dates::minute, failure::Failure};

/// The code of a failed handshake, and the failure with the hint that fits this device.
pub(super) fn failure(probe: &Probe, error: &TransportError, trusted: &Trusted, now: SystemTime) -> (Code, Failure) {
    let last = probe.chain().last();
    let failure = Failure::from(error);
    let Some(reason) = probe.tls_failure() else {
        return (of_kind(error, now), failure);
    };
    match reason {
        TlsFailure::NotTls => {
            let hint = format!(
                "another server answers, such as the login page of a network or a proxy: log in to the network, or \
                 check the host; {}",
                error.hint()
            );
            (Code::TlsNotSpoken, failure.with_hint(hint))
        }
        TlsFailure::Incompatible => (Code::TlsIncompatible, failure),
        TlsFailure::ClientCertificate => (Code::ClientCertificateRejected, failure),
        TlsFailure::ServerNotTrusted if trusted.lacks_root_of(last) => {
            let hint = "add the service's roots to the CAs that this device trusts";
            (Code::ServerRootNotTrusted, failure.with_hint(hint))
        }
        TlsFailure::ServerNotTrusted => match trusted.service() {
            Some(service) => {
                let hint = format!(
                    "{} is not a root of the service that this device trusts, so a middlebox inspects TLS, or another \
                     server answers: exempt {service} from inspection (trusting the CA of the middlebox helps only a \
                     device with a key: the middlebox drops the device's certificate)",
                    issuer(probe)
                );
                (Code::ServerNotTrusted, failure.with_hint(hint))
            }
            None => (Code::ServerNotTrusted, failure),
        },
        TlsFailure::ServerNameMismatch => (Code::ServerNameMismatch, failure),
        _ => of_dates(probe, failure, now),
    }
}

/// The code and the failure of a certificate that was rejected for its dates, or for a reason that is not known.
fn of_dates(probe: &Probe, mut failure: Failure, now: SystemTime) -> (Code, Failure) {
    let clock = minute(now);
    match probe.chain().next().and_then(Validity::of) {
        Some(dates) if dates.begins_after(now) => {
            let from = minute(dates.from);
            failure.message =
                format!("the server's certificate is valid from {from}, and this device's clock says {clock}");
            let hint = "set this device's clock; if it is right, the server has to present another certificate";
            (Code::ServerCertificateNotYetValid, failure.with_hint(hint))
        }
        Some(dates) if dates.ended_before(now) => {
            let until = minute(dates.until);
            failure.message =
                format!("the server's certificate is valid until {until}, and this device's clock says {clock}");
            (Code::ServerCertificateExpired, failure)
        }
        _ => (Code::ServerCertificateInvalid, failure),
    }
}

/// The code of a failure that only its message explains.
fn of_kind(error: &TransportError, now: SystemTime) -> Code {
    match error.kind() {
        ErrorKind::Local if now < SystemTime::UNIX_EPOCH => Code::ServerCertificateNotYetValid,
        ErrorKind::Local => Code::LocalFailure,
        ErrorKind::Timeout => Code::TlsTimedOut,
        ErrorKind::Lost => Code::TlsCutOff,
        _ => Code::TlsFailed,
    }
}
