//! Why a connection ended, as the error that its users get.

use std::{error::Error, io};

use provisioning_types::{ErrorKind, TransportError};
use rumqttc::Error as CodecError;

use super::codec::WireError;
use crate::tls;

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

/// What an error means in answer to CONNECT. The codec knows the codes 0 to 5 only; a refusal that it does not know
/// is a refusal all the same.
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

/// What a stream's error means for a connection that stood: TLS ended by the server, a peer that breaks its
/// carrier's rules (which carriers tell as [`io::ErrorKind::InvalidData`]), or a lost connection.
pub fn connection_error(error: io::Error) -> TransportError {
    if tls::tls_error(&error).is_some() {
        return TransportError::new(ErrorKind::Tls, tls::rejected())
            .with_hint(tls::REJECTED)
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

/// The peer does not do what MQTT demands.
pub(super) fn broken_protocol(what: &'static str) -> TransportError {
    TransportError::new(ErrorKind::UnexpectedResponse, what)
}
