//! Why a connection ended, as the error of the requests that use it.

use provisioning_net::connection_error;
use provisioning_types::{ErrorKind, TransportError};

use super::codec::WireError;

/// The end of the stream without an error.
pub(super) fn ended() -> TransportError {
    TransportError::new(ErrorKind::Lost, "the service closed the connection")
}

pub(super) fn from_wire(error: WireError) -> TransportError {
    match error {
        WireError::Io(error) => connection_error(error),
        broken => TransportError::new(ErrorKind::UnexpectedResponse, broken.to_string()).with_source(broken),
    }
}

/// The peer breaks MQTT's rules.
pub(super) fn broken_protocol(what: &'static str) -> TransportError {
    TransportError::new(ErrorKind::UnexpectedResponse, what)
}
