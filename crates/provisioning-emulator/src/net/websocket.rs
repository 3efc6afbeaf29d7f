//! MQTT over WebSocket, as the service accepts it.

use std::{
    future::ready,
    io,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::graceful_close::close;

/// Two SDKs send no path, so the service accepts both.
const PATHS: [&str; 2] = ["/$iothub/websocket", "/"];

/// How long a device may take to ask for the upgrade.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Performs the server's handshake and returns the connection as bytes. A fault answers with its status instead.
pub(crate) async fn accept<S>(
    stream: S,
    max_message_size: usize,
    fault: Option<StatusCode>,
) -> Result<impl AsyncRead + AsyncWrite + Unpin, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_frame_size(Some(max_message_size))
        .max_message_size(Some(max_message_size));
    #[expect(clippy::result_large_err, reason = "tungstenite's type")]
    let check = |request: &Request, response| match fault {
        Some(status) => Err(refusal(status, "refused by a fault")),
        None => check_upgrade(request, response),
    };
    match timeout(
        UPGRADE_TIMEOUT,
        accept_hdr_async_with_config(stream, check, Some(config)),
    )
    .await
    {
        Ok(Ok(socket)) => Ok(into_bytes(socket)),
        Ok(Err(Error::Http(response))) => Err(UpgradeError::Answered(response.status())),
        Ok(Err(error)) => Err(UpgradeError::NoUpgrade(error.to_string())),
        Err(_) => Err(UpgradeError::Late),
    }
}

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("refused with {0}")]
    Answered(StatusCode),
    #[error("no upgrade: {0}")]
    NoUpgrade(String),
    #[error("no upgrade in time")]
    Late,
}

/// Ends a connection after a failed upgrade, with an answer.
pub(crate) async fn end<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, refused: &UpgradeError) {
    let last_bytes = match refused {
        UpgradeError::NoUpgrade(_) => no_upgrade(SystemTime::now()),
        UpgradeError::Answered(_) | UpgradeError::Late => String::new(),
    };
    close(stream, last_bytes.as_bytes()).await;
}

/// The answer to a request that is not an upgrade. A device can compare its clock to the date.
fn no_upgrade(now: SystemTime) -> String {
    let date = httpdate::fmt_http_date(now);
    format!("HTTP/1.1 400 Bad Request\r\nDate: {date}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

/// The error of a broken WebSocket. (`sink_map_err` would panic when a sink that has failed is closed.)
struct Broken(Error);

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Broken> for io::Error {
    fn from(Broken(error): Broken) -> Self {
        Self::other(error)
    }
}

fn into_bytes<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>) -> impl AsyncRead + AsyncWrite + Unpin {
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
    let sink = sink.with(|bytes: Bytes| ready(Ok::<_, Broken>(Message::Binary(bytes))));
    tokio::io::join(StreamReader::new(bytes), SinkWriter::new(CopyToBytes::new(sink)))
}

#[expect(clippy::result_large_err, reason = "tungstenite's type")]
fn check_upgrade(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
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
