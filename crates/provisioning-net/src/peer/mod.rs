//! Identifies a peer that does not speak the expected protocol, by the first bytes that it sent.

#[cfg(any(feature = "tls", feature = "websocket"))]
mod first_bytes;
mod http;

use std::time::Duration;

use provisioning_types::{ErrorKind, TransportError};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

#[cfg(any(feature = "tls", feature = "websocket"))]
pub(crate) use self::first_bytes::FirstBytes;
#[cfg(feature = "tls")]
pub(crate) use self::first_bytes::Recorded;
use self::http::HttpAnswer;

/// How many of the first bytes are examined.
const MAX_FIRST_BYTES: usize = 1024;

/// The timeout of the rest of an HTTP answer. The first bytes show the protocol without the rest.
const REST_TIMEOUT: Duration = Duration::from_millis(500);

/// How much of a value that the peer sent is shown.
const MAX_SHOWN_CHARS: usize = 100;

const HTTP_PORT_HINT: &str = "if the port is for WebSockets, use one (`dps --websocket`, `Transport::MqttWs`), or MQTT's port 8883; \
                              otherwise a proxy, a gateway or a captive portal answers in place of the service: check the \
                              network and the proxy";
const HTTP_HINT: &str = "a proxy, a gateway or a captive portal may answer in place of the service: check the network and \
                         the proxy, and the port (8883 for MQTT, 443 for WebSocket)";
const TLS_HINT: &str = "the port expects TLS: connect with TLS";
const NO_TLS_HINT: &str =
    "the port is for MQTT without TLS and WebSocket: check the port (8883 for MQTT, 443 for WebSocket)";
const MQTT_HINT: &str = "the port is for MQTT without a WebSocket: connect without one (without `dps --websocket`, with \
                         `Transport::Mqtt`), or check the port (443 for WebSocket, 8883 for MQTT)";
const TEXT_HINT: &str = "check the host, and the port: 8883 for MQTT, 443 for WebSocket";

/// The protocol that was expected of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    #[cfg_attr(
        not(any(feature = "tls", feature = "websocket")),
        expect(dead_code, reason = "TLS expects it")
    )]
    Tls,
    #[cfg_attr(not(feature = "websocket"), expect(dead_code, reason = "a WebSocket expects it"))]
    WebSocket,
    Mqtt,
}

/// A peer of a known protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    Http(HttpAnswer),
    Tls,
    Mqtt,
    /// A protocol that begins with a line of text: this one, in quotes.
    Text(String),
}

impl Peer {
    /// The peer that sent these bytes first; `None` if they belong to no known protocol.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        if let Some(answer) = HttpAnswer::parse(first) {
            return Some(Self::Http(answer));
        }
        match first {
            _ if Self::is_tls(first) => Some(Self::Tls),
            // CONNACK.
            [0x20, 2, 0..=1, 0..=5, ..] => Some(Self::Mqtt),
            _ => {
                let line = first.split(|byte| b"\r\n".contains(byte)).next()?;
                let is_text = line.len() >= 4 && line.iter().all(|byte| (b' '..=b'~').contains(byte));
                is_text.then(|| Self::Text(quoted(line)))
            }
        }
    }

    /// Whether these bytes begin a TLS record.
    fn is_tls(first: &[u8]) -> bool {
        matches!(first, [20..=23, 3, 0..=4, ..])
    }

    /// Like [`of`](Self::of), but waits up to half a second for more of an HTTP answer.
    pub(crate) async fn read(mut first: Vec<u8>, stream: &mut (impl AsyncRead + Unpin + ?Sized)) -> Option<Self> {
        if !http::may_begin(&first) {
            return Self::of(&first);
        }
        let reading = async {
            while first.len() < MAX_FIRST_BYTES && stream.read_buf(&mut first).await.is_ok_and(|count| count > 0) {}
        };
        // After a timeout, an end or an error, the bytes that arrived are shown.
        let _ = timeout(REST_TIMEOUT, reading).await;
        first.truncate(MAX_FIRST_BYTES);
        Self::of(&first)
    }

    /// What the peer does, in words that follow "the peer" or "it".
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Http(answer) => format!("answers HTTP: {answer}"),
            Self::Tls => "answers TLS".to_owned(),
            Self::Mqtt => "answers MQTT".to_owned(),
            Self::Text(line) => format!("answers {line}"),
        }
    }

    /// What to check where another protocol was expected.
    pub(crate) fn hint(&self, expected: Expected) -> &'static str {
        match (self, expected) {
            // Not without TLS: the port of a WebSocket has TLS.
            (Self::Http(_), Expected::Mqtt) => HTTP_PORT_HINT,
            (Self::Http(_), _) => HTTP_HINT,
            (Self::Tls, _) => TLS_HINT,
            (Self::Mqtt, Expected::Tls) => NO_TLS_HINT,
            (Self::Mqtt, _) => MQTT_HINT,
            (Self::Text(_), _) => TEXT_HINT,
        }
    }
}

/// The error of a peer whose first bytes are not MQTT, if they belong to a protocol that is known: HTTP, TLS, or one
/// that begins with a line of text. More of an HTTP answer is read from `stream`, for half a second at most.
///
/// # Cancel safety
/// Dropping the future loses what it read.
pub async fn not_mqtt(first: &[u8], stream: &mut (impl AsyncRead + Unpin + ?Sized)) -> Option<TransportError> {
    let peer = Peer::read(first.to_vec(), stream).await?;
    let error = TransportError::new(ErrorKind::UnexpectedResponse, format!("the peer {}", peer.message()))
        .with_hint(peer.hint(Expected::Mqtt));
    (peer != Peer::Mqtt).then_some(error)
}

/// The bytes as text in quotes, shortened, with control characters escaped.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.trim().chars().take(MAX_SHOWN_CHARS).collect();
    let more = if shown.len() < text.trim().len() { "…" } else { "" };
    format!("{shown:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of these bytes.
    fn message(first: &[u8]) -> Option<String> {
        Peer::of(first).map(|peer| peer.message())
    }

    #[test]
    fn the_first_bytes_tell_what_the_peer_speaks() {
        for (first, expected) in [
            (
                &b"HTTP/1.1 403 Forbidden\r\n\r\n"[..],
                "answers HTTP: 403 \"Forbidden\"",
            ),
            (b"\x15\x03\x01\x00\x02\x02\x46", "answers TLS"),
            (b"\x20\x02\x00\x01", "answers MQTT"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "answers \"SSH-2.0-OpenSSH_9.2\""),
            (b"220 mail.example ESMTP", "answers \"220 mail.example ESMTP\""),
        ] {
            assert_eq!(message(first).as_deref(), Some(expected));
        }
        for first in [&b""[..], b"SSH", b"\x00\x01\x02\x03", b"\x1b[31mred", b"caf\xc3\xa9\n"] {
            assert_eq!(message(first), None, "{first:?}");
        }
    }

    #[test]
    fn what_is_shown_of_a_peer_is_cut_off_and_escaped() {
        let shown = message(&[b'x'; 1024]).expect("text");
        assert!(shown.len() < 150 && shown.ends_with("\"…"), "{shown}");
        let shown = message(b"HTTP/1.1 403 \x1b[31m\"red\"\xff\r\n\r\n").expect("HTTP");
        assert_eq!(shown, "answers HTTP: 403 \"\\u{1b}[31m\\\"red\\\"\u{fffd}\"");
    }
}
