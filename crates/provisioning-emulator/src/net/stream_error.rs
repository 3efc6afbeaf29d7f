//! Errors of a connection's bytes, in the words of who develops a device: no text of a library.

use std::{error::Error, fmt, io};

use rustls::{AlertDescription as Alert, CertificateError, Error as TlsError, PeerIncompatible as Incompatible};

/// An error of a stream for which the emulator has a sentence.
#[derive(Debug)]
pub(crate) struct Sentence(pub(crate) String);

impl fmt::Display for Sentence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Sentence {}

/// Why a connection ends when it cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The peer ended it, orderly or not.
    Gone(&'static str),
    /// What arrived is invalid, or the emulator ended it.
    Refused(String),
}

impl StreamEnd {
    /// Explains an error of a stream that was established.
    pub(crate) fn of(error: &io::Error) -> Self {
        if let Some(Sentence(sentence)) = inner(error) {
            return Self::Refused(sentence.clone());
        }
        if let Some(error) = inner::<TlsError>(error) {
            return Self::Refused(explain_tls(error));
        }
        Self::Gone(match error.kind() {
            io::ErrorKind::ConnectionReset => "the device reset the connection",
            // TLS without close_notify and a WebSocket without a Close frame are plain ends.
            _ => "the device is gone without DISCONNECT",
        })
    }
}

/// Explains an error of a TLS handshake in which the client has sent something.
pub(super) fn explain_handshake(error: &io::Error) -> String {
    if let Some(Sentence(sentence)) = inner(error) {
        return sentence.clone();
    }
    match inner::<TlsError>(error) {
        Some(error) => explain_tls(error),
        None if error.kind() == io::ErrorKind::ConnectionReset => {
            "the client reset the connection during the TLS handshake".to_owned()
        }
        None => {
            "the client closed the connection during the TLS handshake without an alert: it may not trust ca.pem, or \
                 the server's certificate may not have the name that it connects to (--host adds names)"
                .to_owned()
        }
    }
}

/// The error of this type within an error of a stream.
fn inner<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref()?.downcast_ref()
}

fn explain_tls(error: &TlsError) -> String {
    match error {
        TlsError::AlertReceived(alert) => explain_alert(*alert),
        TlsError::PeerIncompatible(incompatible) => explain_incompatible(incompatible).to_owned(),
        TlsError::InvalidCertificate(error) => explain_certificate(error),
        TlsError::InvalidMessage(_) => "what arrived is not TLS, or malformed: this port has TLS only".to_owned(),
        TlsError::InappropriateMessage { .. }
        | TlsError::InappropriateHandshakeMessage { .. }
        | TlsError::PeerMisbehaved(_) => "the client broke the TLS protocol".to_owned(),
        TlsError::DecryptError => "a TLS record of the client cannot be decrypted".to_owned(),
        TlsError::PeerSentOversizedRecord => "the client sent a TLS record that is too large".to_owned(),
        _ => "TLS failed".to_owned(),
    }
}

/// What an alert of the client means (RFC 8446, section 6).
fn explain_alert(alert: Alert) -> String {
    let (meaning, name) = match alert {
        Alert::UnknownCA => ("the client does not trust ca.pem", "unknown_ca"),
        Alert::BadCertificate => (
            "the client does not accept the server's certificate: it does not trust ca.pem, connects to a name that the \
             certificate does not have (--host adds names), or has a clock that is slow",
            "bad_certificate",
        ),
        Alert::CertificateUnknown => (
            "the client does not accept the server's certificate: it does not trust ca.pem, connects to a name that the \
             certificate does not have (--host adds names), or has a clock that is slow",
            "certificate_unknown",
        ),
        Alert::UnsupportedCertificate => (
            "the client does not support the server's certificate; --server-key selects the kind of its key",
            "unsupported_certificate",
        ),
        Alert::CertificateExpired => (
            "the server's certificate is not valid by the client's clock",
            "certificate_expired",
        ),
        Alert::ProtocolVersion => (
            "the client does not support the TLS versions of the emulator, 1.2 and 1.3",
            "protocol_version",
        ),
        Alert::HandshakeFailure => (
            "the client shares no TLS parameters with the emulator; --server-key rsa is for clients with RSA suites only",
            "handshake_failure",
        ),
        Alert::InsufficientSecurity => ("the client demands stronger TLS parameters", "insufficient_security"),
        Alert::DecryptError => (
            "the client could not verify a signature of the handshake",
            "decrypt_error",
        ),
        Alert::UserCanceled => ("the client gave up", "user_canceled"),
        Alert::CloseNotify => ("the client gave up", "close_notify"),
        Alert::InternalError => (
            "the client failed; libmosquitto does so when it connects to a name that the certificate does not have (--host adds \
             names)",
            "internal_error",
        ),
        Alert::UnexpectedMessage => ("the client did not expect what it got", "unexpected_message"),
        Alert::IllegalParameter => ("the client did not expect what it got", "illegal_parameter"),
        Alert::DecodeError => ("the client could not read what it got", "decode_error"),
        Alert::AccessDenied => ("the client denied access", "access_denied"),
        Alert::CertificateRevoked => (
            "the client takes the server's certificate for revoked",
            "certificate_revoked",
        ),
        other => {
            return format!(
                "the client ended the TLS connection with alert number {}",
                u8::from(other)
            );
        }
    };
    format!("{meaning}: it closed with the alert {name}")
}

fn explain_incompatible(incompatible: &Incompatible) -> &'static str {
    match incompatible {
        Incompatible::ServerDoesNotSupportTls12Or13
        | Incompatible::Tls12NotOffered
        | Incompatible::Tls12NotOfferedOrEnabled
        | Incompatible::ServerTlsVersionIsDisabledByOurConfig
        | Incompatible::SupportedVersionsExtensionRequired => {
            "the client offers no TLS version that this port supports: TLS 1.2 and 1.3, unless the emulator was limited to \
             one of them"
        }
        Incompatible::NoCipherSuitesInCommon => {
            "the client and the emulator have no cipher suite in common; --server-key rsa is for clients with RSA suites only"
        }
        Incompatible::NoKxGroupsInCommon
        | Incompatible::NamedGroupsExtensionRequired
        | Incompatible::KeyShareExtensionRequired => {
            "the client and the emulator have no key exchange group in common: X25519, P-256 and P-384"
        }
        Incompatible::NoSignatureSchemesInCommon | Incompatible::SignatureAlgorithmsExtensionRequired => {
            "the client cannot verify the server's kind of key (--server-key selects p256, p384 or rsa), or offers no TLS \
             version from 1.2 on"
        }
        _ => "the client's TLS lacks something that the emulator requires",
    }
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        // Its sentence is the emulator's own.
        CertificateError::Other(other) => match other.0.downcast_ref::<Sentence>() {
            Some(Sentence(sentence)) => sentence.clone(),
            None => "the client certificate cannot be used".to_owned(),
        },
        CertificateError::BadEncoding => "the client certificate is malformed".to_owned(),
        CertificateError::BadSignature => {
            "the client does not have the key of its certificate: the signature of its handshake is wrong".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the client certificate has a kind of key that is not supported".to_owned()
        }
        _ => "the client certificate cannot be used".to_owned(),
    }
}
