//! What each alert of a server means.

use std::borrow::Cow;

use rustls::AlertDescription as Alert;

use super::client_auth::ClientAuth;

pub(super) const CHANGED_HINT: &str =
    "a proxy or firewall on the way may have changed the connection; try another network";
pub(super) const OTHER_NAME_HINT: &str =
    "check the host; for a gateway, set the server name that is in its certificate";
const PARAMETERS_HINT: &str = "the server may require settings that this device does not offer; look at the server's TLS \
                               settings, and at those of a proxy that inspects TLS";
const VERSION_HINT: &str = "lower the minimum TLS version (--tls-min, with_min_version) if one is set, or enable TLS 1.2 \
                            or 1.3 on the server; a proxy that inspects TLS may accept other versions than the server";
const SERVER_HINT: &str = "register again later; if it persists, look at the server's log";
const CERTIFICATE_REQUIRED_HINT: &str =
    "register with an X.509 certificate (--cert, Credential::X509), or check that the host is the provisioning service";
const ENROLLED_HINT: &str =
    "check that the device's certificate is enrolled and not expired, and that its chain is complete";
const KEY_HINT: &str = "check that the private key belongs to the device's certificate, that the device's certificate is \
                        enrolled, and that its chain is complete";
const RENEW_HINT: &str = "renew the device's certificate, or set the clock of the side whose clock is off";
const REVOKED_HINT: &str = "give the device a new certificate, and enroll it";
const CERTIFICATE_TYPE_HINT: &str =
    "use a certificate for client authentication with an EC P-256 or RSA key; the device's certificate is another one";

/// The message and the hint for an alert. They mention the device's certificate only if it was presented and the alert
/// can mean it.
pub(super) fn explain(alert: Alert, auth: ClientAuth) -> (Cow<'static, str>, &'static str) {
    let (message, hint) = by_certificate(alert, auth).unwrap_or_else(|| in_general(alert));
    let code = u8::from(alert);
    (format!("{message} (TLS alert {code})").into(), hint)
}

/// Whether an alert can mean the device's certificate, or that the device presented none.
pub(super) fn is_about_client_certificate(alert: Alert, auth: ClientAuth) -> bool {
    by_certificate(alert, auth).is_some() || matches!(alert, Alert::NoCertificate | Alert::CertificateRequired)
}

fn by_certificate(alert: Alert, auth: ClientAuth) -> Option<(&'static str, &'static str)> {
    match auth {
        ClientAuth::Presented => about_certificate(alert),
        ClientAuth::Missing => about_missing_certificate(alert),
        ClientAuth::NotRequested => None,
    }
}

/// What an alert means to a device that presented its certificate, if it can mean the certificate.
fn about_certificate(alert: Alert) -> Option<(&'static str, &'static str)> {
    Some(match alert {
        Alert::HandshakeFailure => (
            "the server does not accept the device's certificate, or none of the offered TLS parameters",
            ENROLLED_HINT,
        ),
        Alert::BadCertificate => (
            "the server reports that the device's certificate is malformed",
            ENROLLED_HINT,
        ),
        Alert::UnsupportedCertificate => (
            "the device's certificate is of a type that the server does not support",
            CERTIFICATE_TYPE_HINT,
        ),
        Alert::CertificateRevoked => (
            "the server reports that the device's certificate is revoked",
            REVOKED_HINT,
        ),
        Alert::CertificateExpired => (
            "the server reports that the device's certificate has expired or is not valid yet",
            RENEW_HINT,
        ),
        Alert::CertificateUnknown => (
            "the server does not accept the device's certificate, and gives no reason",
            ENROLLED_HINT,
        ),
        Alert::UnknownCA => (
            "the server does not know the CA that signed the device's certificate",
            ENROLLED_HINT,
        ),
        Alert::AccessDenied => ("the server denies access to the device's certificate", ENROLLED_HINT),
        Alert::DecryptError => (
            "the server could not verify a signature of the device's certificate or of its key",
            KEY_HINT,
        ),
        Alert::CertificateRequired | Alert::NoCertificate => (
            "the server requires a client certificate, and does not take the device's certificate as one",
            CERTIFICATE_TYPE_HINT,
        ),
        _ => return None,
    })
}

/// What an alert means to a device that was asked for a certificate and presented none.
fn about_missing_certificate(alert: Alert) -> Option<(&'static str, &'static str)> {
    (alert == Alert::HandshakeFailure).then_some((
        "the server accepts none of the offered TLS parameters, or requires a client certificate",
        CERTIFICATE_REQUIRED_HINT,
    ))
}

fn in_general(alert: Alert) -> (&'static str, &'static str) {
    match alert {
        Alert::CloseNotify => ("the server closed TLS", SERVER_HINT),
        Alert::UnexpectedMessage => ("the server received a TLS message that it did not expect", CHANGED_HINT),
        Alert::BadRecordMac => (
            "the server received a TLS record that was changed on the way",
            CHANGED_HINT,
        ),
        Alert::DecryptionFailed => ("the server could not decrypt a TLS record", CHANGED_HINT),
        Alert::RecordOverflow => ("the server received a TLS record that is too long", CHANGED_HINT),
        Alert::DecompressionFailure => ("the server could not decompress a TLS record", CHANGED_HINT),
        Alert::HandshakeFailure => ("the server accepts none of the offered TLS parameters", PARAMETERS_HINT),
        Alert::NoCertificate => ("the server received no client certificate", CERTIFICATE_REQUIRED_HINT),
        Alert::BadCertificate => ("the server reports a malformed certificate", CHANGED_HINT),
        Alert::UnsupportedCertificate => ("the server does not support a type of certificate", PARAMETERS_HINT),
        Alert::CertificateRevoked => ("the server reports a revoked certificate", CHANGED_HINT),
        Alert::CertificateExpired => ("the server reports an expired certificate", CHANGED_HINT),
        Alert::CertificateUnknown => ("the server does not accept a certificate", CHANGED_HINT),
        Alert::IllegalParameter => ("the server received a TLS message with an invalid value", CHANGED_HINT),
        Alert::UnknownCA => ("the server does not know the CA of a certificate", CHANGED_HINT),
        Alert::AccessDenied => ("the server denies access", SERVER_HINT),
        Alert::DecodeError => ("the server could not decode a TLS message", CHANGED_HINT),
        Alert::DecryptError => ("the server could not verify the TLS handshake", CHANGED_HINT),
        Alert::ExportRestriction => (
            "the server rejects the cryptography as restricted for export",
            PARAMETERS_HINT,
        ),
        Alert::ProtocolVersion => (
            "the server does not accept the TLS versions that this device offers",
            VERSION_HINT,
        ),
        Alert::InsufficientSecurity => (
            "the server requires stronger cryptography than this device offers",
            PARAMETERS_HINT,
        ),
        Alert::InternalError => ("the server failed inside TLS", SERVER_HINT),
        Alert::InappropriateFallback => ("the server rejects the TLS version as a downgrade", VERSION_HINT),
        Alert::UserCanceled => ("the server cancelled the TLS handshake", SERVER_HINT),
        Alert::NoRenegotiation => ("the server does not renegotiate TLS", SERVER_HINT),
        Alert::MissingExtension => (
            "the server requires a TLS extension that this device does not send",
            PARAMETERS_HINT,
        ),
        Alert::UnsupportedExtension => (
            "the server received a TLS extension that it does not allow",
            PARAMETERS_HINT,
        ),
        Alert::CertificateUnobtainable => ("the server could not fetch a certificate", SERVER_HINT),
        Alert::UnrecognisedName => (
            "the server does not serve the name that this device asks for",
            OTHER_NAME_HINT,
        ),
        Alert::BadCertificateStatusResponse => ("the server does not accept the status of a certificate", SERVER_HINT),
        Alert::BadCertificateHashValue => ("the server received a certificate with another hash", SERVER_HINT),
        Alert::UnknownPSKIdentity => ("the server does not know the TLS session key", SERVER_HINT),
        Alert::CertificateRequired => (
            "the server requires a client certificate, and this device presented none",
            CERTIFICATE_REQUIRED_HINT,
        ),
        Alert::NoApplicationProtocol => (
            "the server accepts none of the application protocols that this device offers",
            PARAMETERS_HINT,
        ),
        Alert::EncryptedClientHelloRequired => (
            "the server requires an encrypted ClientHello, which this device does not send",
            PARAMETERS_HINT,
        ),
        _ => (
            "the server ended TLS for a reason that is not known here",
            PARAMETERS_HINT,
        ),
    }
}
