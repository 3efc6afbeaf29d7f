//! What the error of an established stream means.

use std::io;

use provisioning_types::{ErrorKind, TransportError};

/// What a stream's error means for an established connection: TLS ended by the server, a peer that breaks the rules of
/// its carrier (which carriers report as [`io::ErrorKind::InvalidData`]), or a lost connection.
///
/// Each TLS alert has its own message. An error of the stream of a [`Connector`](crate::Connector) of this crate says
/// whether the device's certificate was presented, so the message mentions the certificate only then.
pub fn connection_error(error: io::Error) -> TransportError {
    connection_error_with("the connection was lost", error)
}

/// Like [`connection_error`], with `lost_message` for a lost connection.
pub(crate) fn connection_error_with(lost_message: &'static str, error: io::Error) -> TransportError {
    #[cfg(feature = "tls")]
    let error = match crate::tls::established_error(error) {
        Ok(explained) => return explained,
        Err(other) => other,
    };
    if error.kind() == io::ErrorKind::InvalidData {
        let message = "the server sent data that violates the protocol below MQTT";
        return TransportError::new(ErrorKind::UnexpectedResponse, message).with_source(error);
    }
    lost(lost_message, error)
}

/// A lost connection. The end of a stream is no cause that adds to the message, and libraries describe it in their own
/// words.
pub(crate) fn lost(message: &'static str, cause: io::Error) -> TransportError {
    let lost = TransportError::new(ErrorKind::Lost, message);
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => lost,
        _ => lost.with_source(cause),
    }
}
