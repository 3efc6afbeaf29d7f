//! MQTT over WebSocket, as the service takes it.

use std::{future::ready, io};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// Two SDKs send no path, so the service takes both.
const PATHS: [&str; 2] = ["/$iothub/websocket", "/"];

/// Performs the server's handshake and returns the connection as bytes.
pub(crate) async fn accept<S>(
    stream: S,
    max_message_size: usize,
) -> Result<impl AsyncRead + AsyncWrite + Unpin, Box<Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_frame_size(Some(max_message_size))
        .max_message_size(Some(max_message_size));
    let socket = accept_hdr_async_with_config(stream, judge, Some(config)).await?;
    let (sink, messages) = socket.split();
    let bytes = messages.filter_map(|message| {
        ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
            Ok(Message::Text(_)) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, "a text message"))),
            // tungstenite answers pings and Close by itself.
            Ok(_) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        })
    });
    let sink = sink
        .with(|bytes: Bytes| ready(Ok::<_, Error>(Message::Binary(bytes))))
        .sink_map_err(io::Error::other);
    Ok(tokio::io::join(
        StreamReader::new(bytes),
        SinkWriter::new(CopyToBytes::new(sink)),
    ))
}

#[expect(clippy::result_large_err, reason = "tungstenite's type")]
fn judge(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if !PATHS.contains(&request.uri().path()) {
        return Err(refusal(StatusCode::NOT_FOUND, "there is no WebSocket here"));
    }
    let offered = request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut protocols = offered.flat_map(|value| value.split(',')).map(str::trim);
    if !protocols.any(|protocol| protocol.eq_ignore_ascii_case("mqtt")) {
        return Err(refusal(StatusCode::BAD_REQUEST, "the sub-protocol must be mqtt"));
    }
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
    Ok(response)
}

fn refusal(status: StatusCode, reason: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(reason.to_owned()));
    *response.status_mut() = status;
    response
}
