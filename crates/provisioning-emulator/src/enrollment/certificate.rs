//! What the service says about the certificates in enrollments.

use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    time::ASN1Time,
};

use crate::identifiers::hex;

/// The `info` of a certificate.
pub(super) fn info(der: &CertificateDer<'_>) -> Option<Value> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(json!({
        "subjectName": certificate.subject().to_string(),
        "sha1Thumbprint": hex(&Sha1::digest(der)),
        "sha256Thumbprint": hex(&Sha256::digest(der)),
        "issuerName": certificate.issuer().to_string(),
        "notBeforeUtc": time(validity.not_before),
        "notAfterUtc": time(validity.not_after),
        "serialNumber": hex(certificate.raw_serial()),
        "version": certificate.version().0 + 1,
    }))
}

fn time(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (date, time) = (time.date(), time.time());
    let (hour, minute, second) = time.as_hms();
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}
