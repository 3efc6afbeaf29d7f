//! The server's answer to the opening handshake, and what makes it acceptable.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    HandshakeError,
    excerpt::{self, excerpt},
};

/// More header lines than this are no honest answer.
const MAX_HEADERS: usize = 100;

/// How long the body of a refusal may take: the refusal is known without it.
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

    /// Turns any other answer into an error; `body` is what has arrived of its body.
    pub(crate) async fn into_refusal<S>(self, mut stream: S, mut body: Vec<u8>) -> HandshakeError
    where
        S: AsyncRead + Unpin,
    {
        let wanted = self.readable_body();
        let reading = async { while body.len() < wanted && stream.read_buf(&mut body).await.is_ok_and(|n| n > 0) {} };
        // Too late, cut off or failed: what arrived is the reason all the same.
        let _ = timeout(BODY_WAIT, reading).await;
        body.truncate(wanted);
        let location = self.values("location").next().map(|value| excerpt(value.as_bytes()));
        let reasons = [excerpt(&body), self.phrase, "no reason given".to_owned()];
        let reason = reasons.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        HandshakeError::Refused {
            status: self.status,
            reason,
            location,
        }
    }

    /// How many bytes of the body are worth waiting for: none of a coded one, as its frames are no text.
    fn readable_body(&self) -> usize {
        if self.values("transfer-encoding").next().is_some() {
            return 0;
        }
        // Without a length the body ends with the connection.
        let length = self
            .values("content-length")
            .next()
            .and_then(|value| value.parse().ok());
        length.map_or(excerpt::LIMIT + 1, |length: usize| length.min(excerpt::LIMIT + 1))
    }

    /// The values of every header of this name.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

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
}
