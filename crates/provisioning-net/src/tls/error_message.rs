//! Error messages and hints for TLS failures.

use std::{borrow::Cow, io};

use provisioning_types::TransportError;
use rustls::{CertificateError, Error as RustlsError};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// How much of a name in the server's certificate is shown.
const MAX_SHOWN_CHARS: usize = 100;

/// The TLS error inside an I/O error, if there is one.
pub(crate) fn tls_error(error: &io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

/// The error of an external key that did not sign, if that failed the handshake.
pub(super) fn signer_error(error: &RustlsError) -> Option<&TransportError> {
    match error {
        RustlsError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// The message for a failed handshake, and a hint where more is known than the kind of failure. `name` is the name that
/// the certificate had to bear, `chain` is what the server presented.
pub(super) fn explain(
    error: &RustlsError,
    name: &str,
    chain: &[CertificateDer<'_>],
) -> (Cow<'static, str>, Option<&'static str>) {
    use CertificateError as Certificate;
    use RustlsError::{AlertReceived, InvalidCertificate, InvalidMessage, Other};
    match error {
        // A bad signature is what another CA of the same name looks like.
        InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            let signer = signer(chain).map_or_else(|| "a CA that is".into(), |signer| format!("{signer}, which is"));
            let message = format!("the server's certificate is signed by {signer} not trusted");
            (message.into(), Some(UNTRUSTED_HINT))
        }
        InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => {
            let message = format!("the server's certificate is not for {name}");
            (message.into(), Some(OTHER_NAME_HINT))
        }
        InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => {
            let message = "the server's certificate has expired or is not valid yet; is this device's clock right?";
            (message.into(), Some(CLOCK_HINT))
        }
        InvalidCertificate(_) => ("the server's certificate was not accepted".into(), None),
        InvalidMessage(_) => ("the peer does not speak TLS".into(), Some(NO_TLS_HINT)),
        AlertReceived(_) => (REJECTED.into(), Some(REJECTED_HINT)),
        Other(_) => ("the device's key did not sign the TLS handshake".into(), None),
        _ => ("the TLS handshake failed".into(), None),
    }
}

const UNTRUSTED_HINT: &str = "for a private CA, give its certificate (--ca, with_ca_pem); if a proxy inspects TLS, trust \
                              its CA or exempt the host from inspection";
const OTHER_NAME_HINT: &str = "check the host; for a gateway, set the server name that its certificate bears";
const CLOCK_HINT: &str = "set this device's clock; if it is right, the server's certificate has to be renewed";
const NO_TLS_HINT: &str = "check the port: 8883 for MQTT, 443 for WebSocket";
pub(crate) const REJECTED_HINT: &str =
    "check that the device's certificate is enrolled and not expired, and that its chain is complete";

/// What an alert from the server means, during the handshake or, under TLS 1.3, after it.
pub(crate) const REJECTED: &str = "the server ended TLS; it may not accept the device's certificate";

/// The issuer of the leaf and, when the server sent more, of the last certificate: the CA that would have to be
/// trusted.
fn signer(chain: &[CertificateDer<'_>]) -> Option<String> {
    let direct = issuer(chain.first()?)?;
    Some(match chain.last().and_then(issuer) {
        Some(root) if root != direct => format!("{direct} under {root}"),
        _ => direct,
    })
}

/// The issuer's common name, or its whole name without one, in quotes and without control characters.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.issuer();
    let text = common_name(name).unwrap_or_else(|| name.to_string());
    let shown: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    Some(format!("{shown:?}"))
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    let attribute = name.iter_common_name().next()?;
    attribute.as_str().ok().map(str::to_owned)
}
