//! The server's answer to the opening handshake, and what makes it acceptable.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{HandshakeError, excerpt::excerpt};

/// The maximum number of header lines in an answer.
const MAX_HEADERS: usize = 100;

/// The size of the part of a refusal's body that is read, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The timeout of the body of a refusal. The refusal is reported without the rest.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// The head of an HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    phrase: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// The answer that `bytes` begin with, and the length of its head; `None` while that is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(bytes)? else {
            return Ok(None);
        };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let answer = Self {
            status: head.code.unwrap_or_default(),
            phrase: excerpt(head.reason.unwrap_or_default().as_bytes()),
            headers: head
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), text(header.value)))
                .collect(),
        };
        Ok(Some((answer, length)))
    }

    /// Checks a 101 against [RFC 6455, section 4.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.1), and says which
    /// rule is broken. Stricter in one point: a sub-protocol that was asked for must be agreed to.
    pub(crate) fn check(&self, key: &str, subprotocol: Option<&str>) -> Result<(), String> {
        let accept = derive_accept_key(key.as_bytes());
        for (name, wanted, may_have_company) in [
            ("Upgrade", "websocket", true),
            ("Connection", "Upgrade", true),
            ("Sec-WebSocket-Accept", &accept, false),
            ("Sec-WebSocket-Extensions", "", false),
            ("Sec-WebSocket-Protocol", subprotocol.unwrap_or_default(), false),
        ] {
            let found = self.values(name).collect::<Vec<_>>().join(",");
            let is_named = || found.split(',').any(|token| token.trim().eq_ignore_ascii_case(wanted));
            if !(found == wanted || may_have_company && is_named()) {
                return Err(format!(
                    "`{name}` is {:?} instead of {wanted:?}",
                    excerpt(found.as_bytes())
                ));
            }
        }
        Ok(())
    }

    /// Turns any other answer into an error; `bytes` is what has arrived of its body.
    pub(crate) async fn into_refusal<S>(self, mut stream: S, mut bytes: Vec<u8>) -> HandshakeError
    where
        S: AsyncRead + Unpin,
    {
        let coding = self.coding();
        let reading =
            async { while !coding.is_complete(&bytes) && stream.read_buf(&mut bytes).await.is_ok_and(|n| n > 0) {} };
        // After a timeout, an end or an error, the part that arrived is the reason.
        let _ = timeout(BODY_WAIT, reading).await;
        let body = coding.decode(&bytes);
        let location = self.values("location").next().map(|value| excerpt(value.as_bytes()));
        let plain = if coding == Coding::Chunked { &[][..] } else { &body };
        let reasons = [excerpt(plain), self.phrase, "no reason given".to_owned()];
        let reason = reasons.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        HandshakeError::Refused {
            status: self.status,
            reason,
            body,
            location,
        }
    }

    /// The transfer coding of the body.
    fn coding(&self) -> Coding {
        let header = |name| self.values(name).next();
        match (header("transfer-encoding"), header("content-length")) {
            (Some(coding), _) if coding.trim().eq_ignore_ascii_case("chunked") => Coding::Chunked,
            (Some(_), _) => Coding::Length(0),
            // Without a length the body ends with the connection.
            (None, length) => Coding::Length(
                length
                    .and_then(|length| length.parse().ok())
                    .unwrap_or(MAX_BODY)
                    .min(MAX_BODY),
            ),
        }
    }

    /// The values of every header of this name.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The transfer coding of a refusal's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// None, with a body of this many bytes.
    Length(usize),
    /// In chunks ([RFC 9112, section 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1)).
    Chunked,
}

impl Coding {
    /// Whether all of the body has arrived, or as much as is read.
    fn is_complete(self, bytes: &[u8]) -> bool {
        match self {
            Self::Length(length) => bytes.len() >= length,
            Self::Chunked => bytes.len() >= MAX_BODY || dechunked(bytes).1,
        }
    }

    /// The body, as far as it has arrived.
    fn decode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Length(length) => bytes[..length.min(bytes.len())].to_vec(),
            Self::Chunked => dechunked(&bytes[..MAX_BODY.min(bytes.len())]).0,
        }
    }
}

/// The contents of the chunks, and whether they end: the last chunk has arrived, or the rest is not a chunk.
fn dechunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut contents = vec![];
    loop {
        let (start, length) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((start, length))) => (start, usize::try_from(length).unwrap_or(usize::MAX)),
            Ok(httparse::Status::Partial) => return (contents, false),
            Err(_) => return (contents, true),
        };
        bytes = &bytes[start..];
        contents.extend_from_slice(&bytes[..length.min(bytes.len())]);
        // A line break follows the contents.
        match bytes.get(length.saturating_add(2)..) {
            Some(rest) if length > 0 => bytes = rest,
            _ => return (contents, length == 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, dechunked};

    #[test]
    fn the_example_of_rfc_6455_is_accepted_and_its_key_compared_with_case() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
        let check = |answer: &str| {
            let (answer, _) = Answer::parse(answer.as_bytes()).unwrap().unwrap();
            answer.check("dGhlIHNhbXBsZSBub25jZQ==", Some("chat"))
        };
        assert_eq!(check(answer), Ok(()));
        check(&answer.replace("s3pP", "S3PP")).unwrap_err();
        check(&answer.replace("chat", "Chat")).unwrap_err();
    }

    #[test]
    fn chunks_are_joined_as_far_as_they_have_arrived() {
        let whole = b"4\r\n{\"a\"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n";
        assert_eq!(dechunked(whole), (b"{\"a\":1}".to_vec(), true));
        for (bytes, contents, is_complete) in [
            (&whole[..5], &b"{\""[..], false),
            (&whole[..9], b"{\"a\"", false),
            (&whole[..10], b"{\"a\"", false),
            (b"", b"", false),
            (b"no chunk", b"", true),
            (b"ffffffffffffffff\r\nab", b"ab", false),
        ] {
            assert_eq!(dechunked(bytes), (contents.to_vec(), is_complete), "{bytes:?}");
        }
    }
}
