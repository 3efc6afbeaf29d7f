//! The opening handshake: what is asked for, and the asking.
//!
//! tungstenite's own client handshake is not used: it takes an answer in many small reads for an attack, rejects
//! `Connection: keep-alive, Upgrade`, drops what of a refusal's body comes after the head, tolerates extensions that
//! nobody asked for, and panics on a stream that takes no bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{handshake::client::generate_key, http::uri::Authority};

use crate::{answer::Answer, error::HandshakeError, excerpt::excerpt, stream::WebSocketStream};

/// The head of an answer is no longer than this.
const MAX_HEAD: usize = 16 * 1024;

/// What is asked for in the opening handshake.
#[derive(Debug, Clone)]
pub struct Handshake {
    host: String,
    path: String,
    subprotocol: Option<String>,
    max_message_size: usize,
}

impl Handshake {
    /// Asks `host` (`host` or `host:port`, as it stands in the `Host` header) for the WebSocket at `path`, which begins
    /// with a slash and may carry a query. [`connect`] checks both before it sends anything.
    pub fn new(host: &str, path: &str) -> Self {
        Self {
            host: host.to_owned(),
            path: path.to_owned(),
            subprotocol: None,
            max_message_size: 1024 * 1024,
        }
    }

    /// Insists on a sub-protocol (`Sec-WebSocket-Protocol`): a server that does not agree to it is an error.
    #[must_use]
    pub fn with_subprotocol(mut self, subprotocol: &str) -> Self {
        self.subprotocol = Some(subprotocol.to_owned());
        self
    }

    /// Limits an incoming message to `bytes`; 1 MiB unless set. A larger one ends the stream.
    #[must_use]
    pub fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// The request as it is sent. Checks everything that the caller gave: a line break would smuggle in a header.
    fn request(&self, key: &str) -> Result<String, HandshakeError> {
        let host = checked("host", &self.host, is_host)?;
        let path = checked("path", &self.path, is_path)?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        );
        if let Some(subprotocol) = &self.subprotocol {
            let subprotocol = checked("sub-protocol", subprotocol, is_token)?;
            request += &format!("Sec-WebSocket-Protocol: {subprotocol}\r\n");
        }
        Ok(request + "\r\n")
    }
}

/// Performs the client's handshake over `stream` and returns the connection as bytes.
///
/// There is no time limit for the answer: set one around the call. Only the body of a refusal, which is wanted for
/// [`HandshakeError::Refused`] alone, is given up after a second; this needs a tokio runtime with time enabled.
///
/// # Errors
///
/// See [`HandshakeError`]. Whatever it is, `stream` is dropped.
///
/// # Cancel safety
///
/// The future can be dropped at any moment; the stream is dropped with it, as nobody could tell how far it got.
pub async fn connect<S>(mut stream: S, handshake: &Handshake) -> Result<WebSocketStream<S>, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = generate_key();
    stream.write_all(handshake.request(&key)?.as_bytes()).await?;
    stream.flush().await?;
    let (answer, rest) = read_answer(&mut stream).await?;
    if answer.status != 101 {
        return Err(answer.into_refusal(stream, rest).await);
    }
    answer.check(&key, handshake.subprotocol.as_deref()).map_err(broken)?;
    Ok(WebSocketStream::new(stream, rest, handshake.max_message_size))
}

/// Reads until the answer's head is complete, and returns it with the bytes that came after it.
async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Answer, Vec<u8>), HandshakeError> {
    let mut bytes = Vec::with_capacity(1024);
    while bytes.len() < MAX_HEAD {
        if stream.read_buf(&mut bytes).await? == 0 {
            let what = "the stream ended before the answer to the WebSocket handshake was complete";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what).into());
        }
        match Answer::parse(&bytes) {
            Ok(Some((answer, head))) => return Ok((answer, bytes.split_off(head))),
            Ok(None) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(broken("the answer has too many headers".to_owned())),
            Err(_) => return Err(broken(format!("no HTTP answer: {}", excerpt(&bytes)))),
        }
    }
    Err(broken(format!("the answer's head is longer than {MAX_HEAD} bytes")))
}

fn broken(rule: String) -> HandshakeError {
    HandshakeError::Protocol(rule.into())
}

fn checked<'a>(name: &'static str, value: &'a str, is_valid: fn(&str) -> bool) -> Result<&'a str, HandshakeError> {
    let invalid = || HandshakeError::InvalidInput {
        name,
        value: value.to_owned(),
    };
    Some(value).filter(|value| is_valid(value)).ok_or_else(invalid)
}

/// A host with an optional port, and nothing else that a URI may hold there.
fn is_host(host: &str) -> bool {
    let parts = host.parse::<Authority>().ok().filter(|_| !host.contains('@'));
    parts.is_some_and(|parts| !parts.host().is_empty() && (parts.host() == host || parts.port_u16().is_some()))
}

/// A request target in origin form.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// A token of HTTP.
fn is_token(text: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    use super::{Handshake, is_host, is_path, is_token};

    #[test]
    fn the_request_says_what_rfc_6455_wants_to_hear() {
        let handshake = Handshake::new("example.org:8443", "/$iothub/websocket?a=b").with_subprotocol("mqtt");
        assert_eq!(
            handshake.request("dGhlIHNhbXBsZSBub25jZQ==").unwrap(),
            "GET /$iothub/websocket?a=b HTTP/1.1\r\nHost: example.org:8443\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        assert!(!Handshake::new("h", "/").request("k").unwrap().contains("Protocol"));
    }

    #[test]
    fn only_hosts_paths_and_tokens_pass_for_such() {
        assert!(
            ["h", "h:443", "192.0.2.1", "[::1]", "[::1]:443"]
                .into_iter()
                .all(is_host)
        );
        for host in [
            "",
            ":443",
            "h:",
            "h:99999",
            "h:x",
            "u@h",
            "u:p@h:1",
            "h/x",
            "h h",
            "h\r\nX: y",
            "é.org",
        ] {
            assert!(!is_host(host), "{host:?}");
        }
        assert!(["/", "/a/b?c=d&e=%20", "/$iothub/websocket"].into_iter().all(is_path));
        for path in ["", "a", "*", "/a b", "/a#b", "/a\r\nX: y", "/é"] {
            assert!(!is_path(path), "{path:?}");
        }
        assert!(["mqtt", "v1.mqtt+x"].into_iter().all(is_token));
        for token in ["", "a b", "a,b", "a\r\nX: y", "é"] {
            assert!(!is_token(token), "{token:?}");
        }
    }
}
