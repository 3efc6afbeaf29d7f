//! Why a connection ended, as the error of the requests that use it.

use std::error::Error;

use provisioning_net::connection_error;
use provisioning_types::{ErrorKind, TransportError};
use rumqttc::Error as CodecError;

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

/// What an error in response to CONNECT means. The codec knows the return codes 0 to 5 only; any other code is a
/// refusal too.
pub(super) fn of_connect(error: TransportError) -> TransportError {
    match error.source().and_then(<dyn Error>::downcast_ref) {
        Some(WireError::Malformed(CodecError::InvalidConnectReturnCode(code))) => TransportError::new(
            ErrorKind::Refused,
            format!("the service refused the connection (CONNACK {code})"),
        )
        .with_connack(*code),
        _ => error,
    }
}

/// The peer breaks MQTT's rules.
pub(super) fn broken_protocol(what: &'static str) -> TransportError {
    TransportError::new(ErrorKind::UnexpectedResponse, what)
}
