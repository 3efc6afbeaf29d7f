//! Hand-written HTTP, and calls to the control endpoint, signed like those of service SDKs.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use provisioning_emulator::{Emulator, Link, Port, Security};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange;

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        Self {
            status: status.and_then(|status| status.parse().ok()).expect("a status"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/json; charset=utf-8"),
            "{self:?}"
        );
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Expects a refusal with this status and a complete body, and returns its error code.
    pub(crate) fn refusal(&self, status: u16) -> u64 {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        for name in ["message", "trackingId", "timestampUtc"] {
            assert!(
                body[name].as_str().is_some_and(|text| !text.is_empty()),
                "{name} in {body}"
            );
        }
        body["errorCode"].as_u64().expect("a number")
    }
}

/// Sends one request as it is, and returns the response once the emulator has closed the connection.
pub(crate) async fn send(stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    Answer::parse(exchange(stream, request.as_bytes()).await)
}

/// As [`send`], unless the connection ends before the whole response has arrived.
#[cfg(all(unix, feature = "cli"))]
pub(crate) async fn try_send(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> std::io::Result<Answer> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    stream.write_all(request.as_bytes()).await?;
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).await?;
    if bytes.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Answer::parse(bytes))
}

/// A response that has arrived.
pub(crate) fn answered(bytes: Vec<u8>) -> Answer {
    Answer::parse(bytes)
}

/// Sends one request to the page.
pub(crate) async fn look(emulator: &Emulator, method: &str, path: &str, host: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    send(emulator.connect(Port::Page, Security::Plain, 1024), &request).await
}

/// A signed call to the control endpoint, to which headers and a body can be added.
pub(crate) struct Call {
    head: String,
    body: String,
}

impl Call {
    pub(crate) fn new(emulator: &Emulator, method: &str, path: &str) -> Self {
        let query = if path.contains('?') || path.starts_with("/emulator/") {
            ""
        } else {
            "?api-version=2021-10-01"
        };
        let token = Token::of(emulator).sign();
        Self::with_token(method, &format!("{path}{query}"), &token)
    }

    pub(crate) fn with_token(method: &str, target: &str, token: &str) -> Self {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost:8443\r\nConnection: close\r\n");
        Self {
            head: format!("{head}Authorization: {token}\r\n"),
            body: String::new(),
        }
    }

    /// Sends the call to another host.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "only the tests of the command use it")
    )]
    pub(crate) fn to(mut self, host: &str) -> Self {
        self.head = self.head.replace("localhost:8443", host);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("Content-Type", "application/json; charset=utf-8")
    }

    pub(crate) fn text(&self) -> String {
        format!("{}Content-Length: {}\r\n\r\n{}", self.head, self.body.len(), self.body)
    }

    pub(crate) async fn send(self, emulator: &Emulator) -> Answer {
        send(control(emulator), &self.text()).await
    }
}

/// A connection to the control endpoint, in memory.
pub(crate) fn control(emulator: &Emulator) -> Link {
    emulator.connect(Port::Control, Security::Plain, 64 * 1024)
}

/// The parts of a token.
pub(crate) struct Token {
    pub(crate) resource: String,
    pub(crate) policy: String,
    pub(crate) key: String,
    pub(crate) expires_in: i64,
}

impl Token {
    pub(crate) fn of(emulator: &Emulator) -> Self {
        Self::parse(&emulator.connection_string())
    }

    /// Reads the parts from a connection string.
    pub(crate) fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let mut fields = text.split(';').filter_map(|field| field.split_once('='));
            let found = fields.find(|(found, _)| *found == name);
            found.unwrap_or_else(|| panic!("{name} in {text}")).1.to_owned()
        };
        Self {
            resource: field("HostName"),
            policy: field("SharedAccessKeyName"),
            key: field("SharedAccessKey"),
            expires_in: 3600,
        }
    }

    /// Signs, with the fields in the order of the Node SDK.
    pub(crate) fn sign(&self) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO).as_secs();
        let expiry = now.checked_add_signed(self.expires_in).expect("after 1970");
        let key = STANDARD.decode(&self.key).expect("base64");
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        let mac = mac.chain_update(format!("{}\n{expiry}", self.resource)).finalize();
        let signature = STANDARD.encode(mac.into_bytes());
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let Self { resource, policy, .. } = self;
        format!("SharedAccessSignature sr={resource}&sig={signature}&skn={policy}&se={expiry}")
    }
}

/// A request for a WebSocket at this path that offers these sub-protocols.
pub(crate) fn upgrade(path: &str, protocols: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n"
    )
}
