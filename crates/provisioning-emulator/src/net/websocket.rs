//! MQTT over WebSocket, as the service accepts it: the upgrade and its checks.

use std::io;

use bytes::Buf;
use hyper::{
    Request,
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError,
    handshake::server::{create_response, write_response},
};

use super::{frames::Frames, opening::Opening, rewind::Rewind};
use crate::refusal::Refusal;

/// Two SDKs send no path, so the service accepts both.
const PATHS: [&str; 2] = ["/$iothub/websocket", "/"];

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(head: &Request<()>) -> bool {
    let upgrade = head.headers().get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The answer that accepts an upgrade, as bytes.
pub(super) fn judge(head: &Request<()>) -> Result<Vec<u8>, Refusal> {
    if !PATHS.contains(&head.uri().path()) {
        let path = head.uri().path();
        let message = format!("There is no WebSocket at {path}. MQTT over WebSocket is at /$iothub/websocket.");
        return Err(Refusal::new(404, 404_001, message));
    }
    let mut response = create_response(head).map_err(|error| Refusal::bad_request(explain(&error)))?;
    let offered = head.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let protocols: Vec<_> = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if !protocols.iter().any(|protocol| protocol.eq_ignore_ascii_case("mqtt")) {
        let offered = match &protocols[..] {
            [] => "The upgrade offers no sub-protocol".to_owned(),
            offered => format!("The sub-protocol is {}", offered.join(", ")),
        };
        return Err(Refusal::bad_request(format!(
            "{offered}; expected mqtt (Sec-WebSocket-Protocol). The emulator has MQTT over WebSocket only; AMQP is not \
             supported."
        )));
    }
    let headers = response.headers_mut();
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
    let mut answer = vec![];
    write_response(&mut answer, &response).map_err(|error| Refusal::bad_request(explain(&error)))?;
    Ok(answer)
}

/// Accepts an upgrade with this answer, and returns the connection as bytes.
pub(super) async fn accept<S>(opening: Opening<S>, answer: &[u8]) -> io::Result<Frames<Rewind<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Opening { mut stream, length, .. } = opening;
    stream.start.advance(length);
    stream.write_all(answer).await?;
    stream.flush().await?;
    Ok(Frames::new(stream))
}

/// Why a request is no upgrade.
fn explain(error: &Error) -> &'static str {
    let Error::Protocol(error) = error else {
        return "The upgrade to a WebSocket is malformed.";
    };
    match error {
        ProtocolError::WrongHttpMethod => "An upgrade to a WebSocket is a GET.",
        ProtocolError::WrongHttpVersion => "An upgrade to a WebSocket is HTTP/1.1.",
        ProtocolError::MissingConnectionUpgradeHeader => {
            "The upgrade to a WebSocket has no header `Connection: Upgrade`."
        }
        ProtocolError::MissingSecWebSocketVersionHeader => {
            "The upgrade to a WebSocket has no header `Sec-WebSocket-Version: 13`."
        }
        ProtocolError::MissingSecWebSocketKey | ProtocolError::InvalidSecWebSocketKey => {
            "The upgrade to a WebSocket has no header `Sec-WebSocket-Key`, or one that is not base64 of 16 bytes."
        }
        _ => "The upgrade to a WebSocket is malformed.",
    }
}
