//! The errors of a stream whose TLS handshake was completed.

use std::{borrow::Cow, io};

use provisioning_types::TransportError;
use rustls::Error as RustlsError;

use super::{
    alert,
    client_auth::ClientAuth,
    error_message::{new_error, tls_error},
};

/// A TLS failure of an established stream.
#[derive(Debug, thiserror::Error)]
#[error("{}", explain_established(error, *auth).0)]
pub(super) struct EstablishedTlsError {
    pub(super) error: RustlsError,
    pub(super) auth: ClientAuth,
}

/// Explains an established stream's error, if TLS itself failed rather than the stream below it.
pub(crate) fn established_error(error: io::Error) -> Result<TransportError, io::Error> {
    let (tls, auth) = match (tagged(&error), tls_error(&error)) {
        (Some(EstablishedTlsError { error, auth }), _) => (error, *auth),
        // Of a connector that is not ours: an alert about a certificate can only mean that the device presented one.
        (None, Some(tls)) => (tls, ClientAuth::Presented),
        (None, None) => return Err(error),
    };
    let (message, hint) = explain_established(tls, auth);
    tracing::debug!(error = %tls, "TLS failed");
    Ok(new_error(message, Some(hint)))
}

/// The TLS failure of a stream of this crate.
pub(super) fn tagged(error: &io::Error) -> Option<&EstablishedTlsError> {
    error.get_ref()?.downcast_ref()
}

/// Explains a failure after the handshake.
fn explain_established(error: &RustlsError, auth: ClientAuth) -> (Cow<'static, str>, &'static str) {
    match error {
        RustlsError::AlertReceived(alert) => alert::explain(*alert, auth),
        _ => ("the server broke the rules of TLS".into(), alert::CHANGED_HINT),
    }
}
