//! The head of the first request on a port that has HTTP.

use std::time::Duration;

use bytes::BytesMut;
use hyper::{HeaderMap, Method, Request, Uri, Version, header::HeaderName, http::HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

use super::{
    foreign::{Detection, Foreign},
    rewind::Rewind,
};
use crate::refusal::Refusal;

/// How long the head of a request may take to arrive.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of a request, in bytes.
pub(crate) const HEAD_SIZE: usize = 64 * 1024;

/// The largest number of its headers.
const MAX_HEADERS: usize = 100;

/// A connection whose first request has a complete head.
pub(super) struct Opening<S> {
    /// The connection from its start, with the head.
    pub(super) stream: Rewind<S>,
    pub(super) head: Request<()>,
    /// The size of the head, in bytes.
    pub(super) length: usize,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotHttp {
    #[error("the first bytes are {0}, and this port has HTTP/1.1")]
    Foreign(Foreign),
    #[error("the request is not HTTP/1.1: {0}")]
    Malformed(&'static str),
    #[error("the head of the request is too large: it is longer than 64 KiB or has more than 100 headers")]
    TooLarge,
    #[error("the head of the request was not complete in time: within 10 s")]
    Late,
    /// Nothing arrived in time.
    #[error("no request arrived within 10 s")]
    Silent,
    #[error("the connection ended within the head of a request")]
    Ended,
    #[error("the connection ended before a request")]
    Unused,
}

impl NotHttp {
    /// Whether the peer ended the connection.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Ended | Self::Unused)
    }

    /// Whether nothing arrived: browsers and probes connect without a request.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Silent | Self::Unused)
    }

    /// What the peer is told, unless it is gone.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Foreign(_) | Self::Malformed(_) => Some(Refusal::bad_request(format!(
                "This port of the emulator has HTTP/1.1: {self}. MQTT is on the MQTT port, or over WebSocket; AMQP is not \
                 supported."
            ))),
            Self::TooLarge => Some(Refusal::new(
                431,
                431_001,
                "The head of the request is longer than 64 KiB, or has more than 100 headers.",
            )),
            Self::Late => Some(Refusal::new(
                408,
                408_001,
                "The head of the request did not arrive in time.",
            )),
            Self::Ended | Self::Unused | Self::Silent => None,
        }
    }
}

/// Reads the head of the first request.
pub(super) async fn open<S: AsyncRead + Unpin>(mut stream: S) -> Result<Opening<S>, (S, NotHttp)> {
    let mut start = BytesMut::new();
    let read = timeout(HEAD_TIMEOUT, read_head(&mut stream, &mut start)).await;
    let read = read.unwrap_or(Err(NotHttp::Late));
    match read {
        Ok((head, length)) => Ok(Opening {
            stream: Rewind { start, inner: stream },
            head,
            length,
        }),
        Err(NotHttp::Late) if start.is_empty() => Err((stream, NotHttp::Silent)),
        Err(NotHttp::Ended) if start.is_empty() => Err((stream, NotHttp::Unused)),
        Err(error) => Err((stream, error)),
    }
}

async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    start: &mut BytesMut,
) -> Result<(Request<()>, usize), NotHttp> {
    // A head that arrives in many pieces is not parsed for each of them: only when it has doubled, or may be complete.
    let mut parsed = 0;
    loop {
        let read = stream.read_buf(start).await.map_err(|_| NotHttp::Ended)?;
        let is_full = start.len() >= HEAD_SIZE;
        if read == 0 || is_full || start.len() >= 2 * parsed || has_empty_line(start, read) {
            parsed = start.len();
            // The first bytes tell MQTT and AMQP.
            let first = &start[..parsed.min(8)];
            if let Detection::Foreign(foreign @ (Foreign::Amqp | Foreign::Mqtt)) = Foreign::detect(first) {
                return Err(NotHttp::Foreign(foreign));
            }
            if let Some(complete) = parse(start)? {
                return Ok(complete);
            }
        }
        if read == 0 {
            return Err(NotHttp::Ended);
        }
        if is_full {
            return Err(NotHttp::TooLarge);
        }
    }
}

/// Whether the bytes that arrived last complete an empty line, with which a head ends.
fn has_empty_line(bytes: &[u8], read: usize) -> bool {
    let last = &bytes[bytes.len().saturating_sub(read + 2)..];
    last.windows(2).any(|pair| pair == b"\n\n") || last.windows(3).any(|three| three == b"\n\r\n")
}

/// The head and its size, if it is complete.
fn parse(bytes: &[u8]) -> Result<Option<(Request<()>, usize)>, NotHttp> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(NotHttp::TooLarge),
        Err(httparse::Error::Version) if bytes.starts_with(b"PRI ") => {
            return Err(NotHttp::Malformed("it is HTTP/2"));
        }
        Err(httparse::Error::Version) => return Err(NotHttp::Malformed("it has another version of HTTP")),
        Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
            return Err(NotHttp::Malformed("it has an invalid header"));
        }
        Err(_) => return Err(NotHttp::Malformed("its first line is invalid")),
    };
    let head = head_of(&request).ok_or(NotHttp::Malformed("its first line or a header is invalid"))?;
    Ok(Some((head, length)))
}

fn head_of(parsed: &httparse::Request<'_, '_>) -> Option<Request<()>> {
    let mut head = Request::new(());
    *head.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *head.uri_mut() = Uri::try_from(parsed.path?).ok()?;
    *head.version_mut() = match parsed.version? {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let pairs = parsed.headers.iter().map(|header| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    });
    *head.headers_mut() = pairs.collect::<Option<HeaderMap>>()?;
    Some(head)
}
