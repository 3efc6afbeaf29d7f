//! What a TLS failure means, in words.

use rustls::{CertificateError, Error as RustlsError};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// A name in a foreign certificate is cut here.
const SHOWN: usize = 100;

/// What the handshake's failure means for whoever reads it. `name` is what the certificate had to bear, `chain` what
/// the server presented.
pub(super) fn explain(error: &RustlsError, name: &str, chain: &[CertificateDer<'_>]) -> String {
    match error {
        // A bad signature is what another CA of the same name looks like.
        RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            match signer(chain) {
                Some(signer) => format!("the server's certificate is signed by {signer}, which is not trusted"),
                None => "the server's certificate is signed by a CA that is not trusted".to_owned(),
            }
        }
        RustlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("the server's certificate is not for {name}"),
        RustlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "the server's certificate has expired or is not valid yet; is this device's clock right?".to_owned(),
        RustlsError::InvalidCertificate(_) => "the server's certificate was not accepted".to_owned(),
        RustlsError::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        RustlsError::AlertReceived(_) => rejected().to_owned(),
        RustlsError::Other(_) => "the device's key did not sign the TLS handshake".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}

/// What to do about it, where more is known than the kind of failure.
pub(super) fn hint(error: &RustlsError) -> Option<&'static str> {
    Some(match error {
        RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => UNTRUSTED,
        RustlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => OTHER_NAME,
        RustlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => CLOCK,
        RustlsError::InvalidMessage(_) => NO_TLS,
        RustlsError::AlertReceived(_) => REJECTED,
        _ => return None,
    })
}

const UNTRUSTED: &str = "for a private CA, give its certificate (--ca, with_ca_pem); if a proxy inspects TLS, trust its CA \
                         or exempt the host from inspection";
const OTHER_NAME: &str = "check the host; for a gateway, set the server name that its certificate bears";
const CLOCK: &str = "set this device's clock; if it is right, the server's certificate has to be renewed";
const NO_TLS: &str = "check the port: 8883 for MQTT, 443 for WebSocket";
pub(crate) const REJECTED: &str =
    "check that the device's certificate is enrolled and not expired, and that its chain is complete";

/// What an alert from the server means, during the handshake or, under TLS 1.3, after it.
pub(crate) fn rejected() -> &'static str {
    "the server ended TLS; it may not accept the device's certificate"
}

/// Who signed the leaf and, when the server sent more, at whose word: the CA that would have to be trusted.
fn signer(chain: &[CertificateDer<'_>]) -> Option<String> {
    let direct = issuer(chain.first()?)?;
    Some(match chain.last().and_then(issuer) {
        Some(root) if root != direct => format!("{direct} under {root}"),
        _ => direct,
    })
}

/// The issuer's common name, or whatever else it is called, in quotes and with nothing that a terminal would obey.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.issuer();
    let text = common_name(name).unwrap_or_else(|| name.to_string());
    let shown: String = text.chars().take(SHOWN).collect();
    Some(format!("{shown:?}"))
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    let attribute = name.iter_common_name().next()?;
    attribute.as_str().ok().map(str::to_owned)
}
