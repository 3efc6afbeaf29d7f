//! MQTT over WebSocket, as the service accepts it.

use std::{
    future::ready,
    io,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{
            HeaderValue, StatusCode,
            header::{CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL},
        },
        protocol::WebSocketConfig,
    },
};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::{
    foreign::{Detection, Foreign},
    graceful_close::close,
    rewind::Rewind,
};
use crate::{http::error_body, refusal::Refusal};

/// Two SDKs send no path, so the service accepts both.
const PATHS: [&str; 2] = ["/$iothub/websocket", "/"];

/// How long a device may take to ask for the upgrade.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first request on the WebSocket port.
pub(super) enum Opening<S> {
    /// An upgrade to a WebSocket, not accepted yet. The text is its method and path.
    Upgrade(Rewind<S>, String),
    /// Any other HTTP request.
    Call(Rewind<S>),
}

/// Reads the head of the first request.
pub(super) async fn open<S: AsyncRead + Unpin>(mut stream: S) -> Result<Opening<S>, (S, UpgradeError)> {
    let mut start = BytesMut::new();
    let read = timeout(UPGRADE_TIMEOUT, read_head(&mut stream, &mut start)).await;
    let stream = Rewind { start, inner: stream };
    match read.unwrap_or(Err(UpgradeError::Late)) {
        Ok(Some(request)) => Ok(Opening::Upgrade(stream, request)),
        Ok(None) => Ok(Opening::Call(stream)),
        Err(error) => Err((stream.inner, error)),
    }
}

/// Reads until the head is complete. Returns the method and path if it asks for a WebSocket.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S, start: &mut BytesMut) -> Result<Option<String>, UpgradeError> {
    loop {
        let read = stream.read_buf(start).await;
        let read = read.map_err(|error| UpgradeError::NotHttp(error.to_string()))?;
        if let Detection::Foreign(foreign @ Foreign::Amqp) = Foreign::detect(start) {
            return Err(UpgradeError::Foreign(foreign));
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(start) {
            Ok(httparse::Status::Complete(_)) => {
                let is_upgrade = |header: &&httparse::Header<'_>| {
                    header.name.eq_ignore_ascii_case("upgrade") && header.value.eq_ignore_ascii_case(b"websocket")
                };
                let path = request.path.unwrap_or_default();
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                let text = format!("{} {path}", request.method.unwrap_or_default());
                return Ok(request.headers.iter().find(is_upgrade).map(|_| text));
            }
            Ok(httparse::Status::Partial) if read == 0 => {
                return Err(UpgradeError::NotHttp("the connection has ended".to_owned()));
            }
            Ok(httparse::Status::Partial) if start.len() < MAX_HEAD => {}
            Ok(httparse::Status::Partial) => return Err(UpgradeError::NotHttp("the head is too long".to_owned())),
            Err(error) => return Err(UpgradeError::NotHttp(error.to_string())),
        }
    }
}

/// Performs the server's handshake and returns the connection as bytes.
pub(super) async fn accept<S>(
    stream: S,
    max_message_size: usize,
) -> Result<impl AsyncRead + AsyncWrite + Unpin, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_frame_size(Some(max_message_size))
        .max_message_size(Some(max_message_size));
    match timeout(
        UPGRADE_TIMEOUT,
        accept_hdr_async_with_config(stream, check_upgrade, Some(config)),
    )
    .await
    {
        Ok(Ok(socket)) => Ok(into_bytes(socket)),
        Ok(Err(Error::Http(response))) => Err(UpgradeError::Answered(response.status())),
        Ok(Err(error)) => Err(UpgradeError::NoUpgrade(error.to_string())),
        Err(_) => Err(UpgradeError::Late),
    }
}

/// The largest head of a request, in bytes, and the largest number of its headers.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 124;

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("refused with {0}")]
    Answered(StatusCode),
    #[error("no upgrade: {0}")]
    NoUpgrade(String),
    #[error("no HTTP request: {0}")]
    NotHttp(String),
    #[error("{0}, and not HTTP")]
    Foreign(Foreign),
    #[error("no upgrade in time")]
    Late,
}

/// Ends a connection after a failed upgrade, with an answer.
pub(crate) async fn end<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, refused: &UpgradeError) {
    let last_bytes = match refused {
        UpgradeError::NoUpgrade(_) | UpgradeError::NotHttp(_) => no_upgrade(SystemTime::now()),
        UpgradeError::Foreign(foreign) => {
            foreign.answer("This port of the emulator has HTTPS and WebSocket. AMQP is not supported.")
        }
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
        let message = "There is no WebSocket at this path. MQTT over WebSocket is at /$iothub/websocket.";
        return Err(refusal(StatusCode::NOT_FOUND, 404_001, message));
    }
    let offered = request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut protocols = offered.flat_map(|value| value.split(',')).map(str::trim);
    if !protocols.any(|protocol| protocol.eq_ignore_ascii_case("mqtt")) {
        let message = "The sub-protocol is not mqtt. The emulator has MQTT over WebSocket only; AMQP is not supported.";
        return Err(refusal(StatusCode::BAD_REQUEST, 400_004, message));
    }
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
    Ok(response)
}

fn refusal(status: StatusCode, error_code: u32, message: &str) -> ErrorResponse {
    let body = error_body(&Refusal::new(status.as_u16(), error_code, message));
    let mut response = ErrorResponse::new(Some(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
