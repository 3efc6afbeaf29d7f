//! Why a TLS handshake failed, for programs.

use rustls::{CertificateError, Error as RustlsError};

/// Why a TLS handshake failed, as a [`Probe`](crate::Probe) reports it. The message of the error says the same.
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
}

impl TlsFailure {
    /// `None` for an alert of the server, and for a failure that only its message explains.
    pub(super) fn of(error: &RustlsError) -> Option<Self> {
        use CertificateError as Certificate;
        let certificate = match error {
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
