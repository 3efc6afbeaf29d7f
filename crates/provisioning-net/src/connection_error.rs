//! What the error of an established stream means.

use std::io;

use provisioning_types::{ErrorKind, TransportError};

#[cfg(feature = "tls")]
use crate::tls;

/// What a stream's error means for an established connection: TLS ended by the server, a peer that breaks the rules of
/// its carrier (which carriers report as [`io::ErrorKind::InvalidData`]), or a lost connection.
pub fn connection_error(error: io::Error) -> TransportError {
    #[cfg(feature = "tls")]
    if is_tls_error(&error) {
        return TransportError::new(ErrorKind::Tls, tls::REJECTED)
            .with_hint(tls::REJECTED_HINT)
            .with_source(error);
    }
    let (kind, message) = if error.kind() == io::ErrorKind::InvalidData {
        (
            ErrorKind::UnexpectedResponse,
            "what the service sent breaks the rules of its carrier",
        )
    } else {
        (ErrorKind::Lost, "the connection was lost")
    };
    TransportError::new(kind, message).with_source(error)
}

/// Whether TLS itself failed, rather than the stream below it.
#[cfg(feature = "tls")]
pub(crate) fn is_tls_error(error: &io::Error) -> bool {
    tls::tls_error(error).is_some()
}

/// Whether TLS itself failed, rather than the stream below it: not in a build without TLS.
#[cfg(not(feature = "tls"))]
pub(crate) fn is_tls_error(_: &io::Error) -> bool {
    false
}
