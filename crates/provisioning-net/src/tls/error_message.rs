//! Error messages and hints for TLS failures.

use std::{borrow::Cow, fmt::Write, io};

use provisioning_types::{ErrorKind, TransportError};
use rustls::{CertificateError, Error as RustlsError};
use rustls_pki_types::CertificateDer;
use x509_parser::{
    asn1_rs::Tag,
    oid_registry::OidRegistry,
    prelude::{FromDer, X509Name},
};

use super::{
    alert,
    client_auth::ClientAuth,
    der::{Element, elements, inside},
};

/// How much of a name in the server's certificate is shown.
const MAX_SHOWN_CHARS: usize = 100;

/// A message, and a hint where more is known than the kind of failure.
pub(super) type Explanation = (Cow<'static, str>, Option<&'static str>);

/// The TLS error inside an I/O error, if there is one.
pub(super) fn tls_error(error: &io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

/// The error of an external key that did not sign, if that failed the handshake.
pub(super) fn signer_error(error: &RustlsError) -> Option<&TransportError> {
    match error {
        RustlsError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

pub(super) fn new_error(message: Cow<'static, str>, hint: Option<&'static str>) -> TransportError {
    let error = TransportError::new(ErrorKind::Tls, message);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Explains a failed handshake. `name` is the name that the certificate had to bear, `chain` is what the server
/// presented, `auth` is what the device did.
pub(super) fn explain(error: &RustlsError, name: &str, chain: &[CertificateDer<'_>], auth: ClientAuth) -> Explanation {
    use CertificateError as Certificate;
    use RustlsError::{
        AlertReceived, EncryptError, FailedToGetCurrentTime, FailedToGetRandomBytes, General, InvalidCertificate,
        InvalidMessage, NoCertificatesPresented, Other, PeerIncompatible,
    };
    match error {
        // A bad signature is what another CA of the same name looks like.
        InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            let signer = signer(chain).map_or_else(|| "a CA that is".into(), |signer| format!("{signer}, which is"));
            let message = format!("the server's certificate is signed by {signer} not trusted");
            (message.into(), Some(UNTRUSTED_HINT))
        }
        InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => {
            let message = format!("the server's certificate is not for {name}");
            (message.into(), Some(alert::OTHER_NAME_HINT))
        }
        InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            let message = "the server's certificate has expired; is this device's clock right?";
            (message.into(), Some(EXPIRED_HINT))
        }
        InvalidCertificate(Certificate::NotValidYet | Certificate::NotValidYetContext { .. }) => {
            let message = "the server's certificate is not valid yet; is this device's clock right?";
            (message.into(), Some(NOT_YET_VALID_HINT))
        }
        InvalidCertificate(reason) => {
            let message = format!("the server's certificate was not accepted: {}", flaw(reason));
            (message.into(), Some(FLAWED_HINT))
        }
        InvalidMessage(_) => ("the peer does not speak TLS".into(), Some(NO_TLS_HINT)),
        AlertReceived(alert) => {
            let (message, hint) = alert::explain(*alert, auth);
            (message, Some(hint))
        }
        PeerIncompatible(_) => (
            "the server offers no TLS version or parameters that this device accepts".into(),
            Some(INCOMPATIBLE_HINT),
        ),
        NoCertificatesPresented => ("the server presented no certificate".into(), Some(NO_TLS_HINT)),
        Other(_) => ("the device's key did not sign the TLS handshake".into(), None),
        General(_) | FailedToGetCurrentTime | FailedToGetRandomBytes | EncryptError => {
            ("TLS failed on this machine".into(), None)
        }
        _ => (
            "the server broke the rules of the TLS handshake".into(),
            Some(alert::CHANGED_HINT),
        ),
    }
}

/// What is wrong with a server's certificate, in words.
fn flaw(reason: &CertificateError) -> &'static str {
    use CertificateError as Certificate;
    match reason {
        Certificate::BadEncoding => "it is malformed",
        Certificate::Revoked => "it is revoked",
        Certificate::UnhandledCriticalExtension => "it has a critical extension that this device does not know",
        Certificate::UnknownRevocationStatus | Certificate::InvalidOcspResponse => {
            "whether it is revoked was not found out"
        }
        Certificate::ExpiredRevocationList | Certificate::ExpiredRevocationListContext { .. } => {
            "the list of revoked certificates is out of date"
        }
        Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it, or a certificate above it, is signed with an algorithm that this device does not accept"
        }
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            "it is not a certificate for servers"
        }
        _ => "it, or a certificate above it, does not fit its purpose or this machine's rules",
    }
}

/// Explains a handshake in which the connection ended. `chain` and `auth` are those of [`explain`].
pub(super) fn explain_cut_off(chain: &[CertificateDer<'_>], auth: ClientAuth) -> (&'static str, &'static str) {
    let message = match chain {
        [] => "the connection ended during the TLS handshake; is this a TLS port?",
        _ => "the connection ended during the TLS handshake",
    };
    let hint = match auth {
        ClientAuth::Presented => CUT_OFF_PRESENTED_HINT,
        ClientAuth::NotRequested | ClientAuth::Missing => CUT_OFF_HINT,
    };
    (message, hint)
}

const CUT_OFF_HINT: &str = "check the port (8883 for MQTT, 443 for WebSocket), and whether a firewall or proxy on the way \
                            ends TLS connections";
const CUT_OFF_PRESENTED_HINT: &str = "try again; if it persists, check that the device's certificate is enrolled and not \
                                      expired, since some servers end the connection without an alert";
const UNTRUSTED_HINT: &str = "for a private CA, give its certificate (--ca, with_ca_pem); if a proxy inspects TLS, trust \
                              its CA or exempt the host from inspection";
const FLAWED_HINT: &str = "look at the server's certificate; if a proxy inspects TLS, exempt the host from inspection";
const EXPIRED_HINT: &str = "set this device's clock; if it is right, the server's certificate has to be renewed";
const NOT_YET_VALID_HINT: &str =
    "set this device's clock; if it is right, the server has to present another certificate";
const NO_TLS_HINT: &str = "check the port: 8883 for MQTT, 443 for WebSocket";
const INCOMPATIBLE_HINT: &str = "lower the minimum TLS version (--tls-min, with_min_version) if one is set, or update \
                                 the server; a proxy that inspects TLS may offer less than the server";
/// The issuer of the leaf and, when the server sent more, of the last certificate: the CA that would have to be
/// trusted.
fn signer(chain: &[CertificateDer<'_>]) -> Option<String> {
    let direct = issuer(chain.first()?)?;
    Some(match chain.last().and_then(issuer) {
        Some(root) if root != direct => format!("{direct} under {root}"),
        _ => direct,
    })
}

/// The name of a certificate's issuer, in quotes and without control characters.
pub(super) fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let name = issuer_name(certificate)?;
    let mut quoted = String::with_capacity(name.len() + 2);
    // Writing to a string does not fail; below likewise.
    let _ = write!(quoted, "{name:?}");
    Some(quoted)
}

/// The name of a certificate's issuer as the peer chose it, at most 100 characters of it: the common name and the
/// organization, or else the whole name.
pub(crate) fn issuer_name<'a>(certificate: &'a CertificateDer<'_>) -> Option<Cow<'a, str>> {
    let to_be_signed = inside(certificate)?.next()?;
    // Behind the version, which may be absent: the serial number, the algorithm and the issuer.
    let mut fields = elements(to_be_signed.contents).skip_while(|field| !field.is(Tag::Integer));
    let name = fields.nth(2)?;
    let shown = match (text(&name, COMMON_NAME), text(&name, ORGANIZATION)) {
        (Some(name), Some(organization)) => {
            let mut both = String::with_capacity(name.len() + organization.len() + 3);
            let _ = write!(both, "{name} ({organization})");
            both.into()
        }
        (Some(name), None) | (None, Some(name)) => Cow::Borrowed(name),
        (None, None) => {
            // Not the registry of all object identifiers, which is large.
            let types = OidRegistry::default().with_x509();
            let (_, name) = X509Name::from_der(name.raw).ok()?;
            name.to_string_with_registry(&types).ok()?.into()
        }
    };
    Some(match shown.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => shown[..end].to_owned().into(),
        None => shown,
    })
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// The first attribute of this type in a name, if it is of a common type of string. Parsing a whole name allocates.
fn text<'a>(name: &Element<'a>, id: &[u8]) -> Option<&'a str> {
    const TYPES: [Tag; 3] = [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String];
    let mut attributes = elements(name.contents).flat_map(|set| elements(set.contents));
    let value = attributes.find_map(|attribute| {
        let mut fields = elements(attribute.contents);
        fields.next().filter(|kind| kind.contents == id)?;
        fields.next()
    })?;
    let text = std::str::from_utf8(value.contents).ok()?;
    TYPES.into_iter().any(|tag| value.is(tag)).then_some(text)
}
