//! Why TLS failed, for programs.

use std::io;

use rustls::{CertificateError, Error as RustlsError};

use super::{
    alert,
    client_auth::ClientAuth,
    established_error::{EstablishedTlsError, tagged},
};

/// Why TLS failed: in the handshake, as a [`Probe`](crate::Probe) reports it, or [later](Self::of_stream). The message
/// of the error says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The peer speaks another protocol.
    NotTls,
    /// No CA that is trusted signed the server's certificate.
    ServerNotTrusted,
    /// The server's certificate is for another name.
    ServerNameMismatch,
    /// The server's certificate is not valid yet, by this device's clock.
    ServerNotYetValid,
    /// The server's certificate has expired, by this device's clock.
    ServerExpired,
    /// The server's certificate was not accepted for another reason.
    ServerNotAccepted,
    /// The server offers no TLS version or parameters that this device accepts.
    Incompatible,
    /// The server does not accept the device's certificate, or requires one and the device presented none.
    ClientCertificate,
}

impl TlsFailure {
    /// Why the stream of a [`TlsConnector`](crate::TlsConnector) failed after the handshake: under TLS 1.3 the server
    /// rejects the device's certificate then. `None` for another error, and for a failure that only its message explains.
    pub fn of_stream(error: &io::Error) -> Option<Self> {
        let EstablishedTlsError { error, auth } = tagged(error)?;
        Self::of(error, *auth)
    }

    /// `None` for an alert about something else than the device's certificate, and for a failure that only its message
    /// explains.
    pub(super) fn of(error: &RustlsError, auth: ClientAuth) -> Option<Self> {
        use CertificateError as Certificate;
        let certificate = match error {
            RustlsError::AlertReceived(alert) => {
                return alert::is_about_client_certificate(*alert, auth).then_some(Self::ClientCertificate);
            }
            RustlsError::InvalidCertificate(certificate) => certificate,
            RustlsError::InvalidMessage(_) => return Some(Self::NotTls),
            RustlsError::PeerIncompatible(_) => return Some(Self::Incompatible),
            _ => return None,
        };
        Some(match certificate {
            // Another CA of the same name shows as a bad signature.
            Certificate::UnknownIssuer | Certificate::BadSignature => Self::ServerNotTrusted,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Self::ServerNameMismatch,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Self::ServerNotYetValid,
            Certificate::Expired | Certificate::ExpiredContext { .. } => Self::ServerExpired,
            _ => Self::ServerNotAccepted,
        })
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription as Alert;

    use super::*;

    #[test]
    fn an_alert_is_about_the_client_certificate_exactly_if_its_message_says_so() {
        for code in 0..=255 {
            let alert = Alert::from(code);
            for auth in [ClientAuth::NotRequested, ClientAuth::Missing, ClientAuth::Presented] {
                let (message, _) = alert::explain(alert, auth);
                let is_named = message.contains("device's certificate") || message.contains("client certificate");
                let expected = is_named.then_some(TlsFailure::ClientCertificate);
                let error = RustlsError::AlertReceived(alert);
                assert_eq!(TlsFailure::of(&error, auth), expected, "{message}");
                let error = io::Error::other(EstablishedTlsError { error, auth });
                assert_eq!(TlsFailure::of_stream(&error), expected, "{message}");
            }
        }
        assert_eq!(TlsFailure::of_stream(&io::ErrorKind::UnexpectedEof.into()), None);
    }
}
