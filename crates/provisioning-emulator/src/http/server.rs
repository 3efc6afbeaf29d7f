//! The HTTP/1.1 server of the HTTPS device API, the control endpoint and the page. Sizes and times are bounded.

use std::{
    error::Error,
    future::poll_fn,
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    log::{LogEntry, LogKind, Origin},
    net::{HEAD_SIZE, HEAD_TIMEOUT, Reset, StreamEnd, close},
    refusal::Refusal,
};

/// How long the body of a request may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest body of a request, in bytes.
const BODY_SIZE: usize = 1024 * 1024;

/// The head of a request.
pub(crate) type Head = Request<()>;

/// A request whose head has been accepted, with its body.
pub(crate) type Call = Request<Bytes>;

/// The answer to a request.
pub(crate) type Reply = Response<Full<Bytes>>;

/// The reply that refuses a call.
pub(crate) type Refused = Box<Reply>;

/// The connection that a call comes from.
pub(super) fn origin<B>(call: &Request<B>) -> Origin {
    call.extensions().get().copied().unwrap_or_default()
}

/// Answers calls.
pub(crate) trait Handler: Sync {
    /// What the head of an accepted call says.
    type Accepted: Send;

    /// The kind of log entries about malformed requests.
    fn kind(&self) -> LogKind;

    /// Writes an entry to the log.
    fn log(&self, entry: LogEntry);

    /// Judges a call by its head: its body is read only if the call is accepted.
    fn judge(&self, head: &Head) -> Result<Self::Accepted, Refused>;

    /// Answers a call that was accepted.
    fn answer(&self, call: &Call, accepted: Self::Accepted) -> impl Future<Output = Handled> + Send;

    /// Refuses a call with this reply, for its head or its body.
    fn refuse(&self, _head: &Head, reply: Reply) -> impl Future<Output = Handled> + Send {
        async { Handled::Reply(reply) }
    }
}

/// What a handler does with a call.
pub(crate) enum Handled {
    Reply(Reply),
    /// The connection ends without a reply.
    End(Ending),
}

/// How a connection ends without a reply.
#[derive(Default)]
pub(crate) struct Ending {
    /// The last bytes.
    pub(crate) pieces: Vec<Vec<u8>>,
    /// The time after each piece.
    pub(crate) pause: Duration,
    /// Reset instead of closed.
    pub(crate) reset: Option<Reset>,
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S>(stream: S, origin: Origin, stop: &CancellationToken, handler: &impl Handler)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ending = &Mutex::new(Ending::default());
    let service = service_fn(|request: Request<Incoming>| {
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            head.extensions.insert(origin);
            match handle(handler, Request::from_parts(head, ()), body).await {
                Handled::Reply(reply) => Ok(reply),
                Handled::End(end) => {
                    *ending.lock().unwrap_or_else(PoisonError::into_inner) = end;
                    Err(io::Error::other("the connection is closed without a reply"))
                }
            }
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    // The connection ends; a malformed request has been answered if possible.
    let served = stop.run_until_cancelled(poll_fn(|cx| connection.poll_without_shutdown(cx)));
    if let Some(Err(error)) = served.await {
        if error.is_parse() {
            let reason = "a further request on the connection is not HTTP/1.1, or its head is too large";
            handler.log(LogEntry::note(origin, handler.kind(), reason));
        } else if let Some(reason) = refused(&error) {
            handler.log(LogEntry::note(origin, LogKind::Refused, reason));
        }
    }
    let mut stream = connection.into_parts().io.into_inner();
    let ending = std::mem::take(&mut *ending.lock().unwrap_or_else(PoisonError::into_inner));
    let written = stop.run_until_cancelled(write_pieces(&mut stream, &ending));
    // A failed write ends the connection, too.
    let _ = written.await;
    match ending.reset {
        Some(reset) => reset.set(),
        None => close(&mut stream, &[]).await,
    }
}

/// Why the emulator ended the connection, if it did: its peer broke TLS, or did not take an answer in time.
fn refused(error: &hyper::Error) -> Option<String> {
    match StreamEnd::of(error.source()?.downcast_ref()?) {
        StreamEnd::Refused(reason) => Some(reason),
        StreamEnd::Gone(_) => None,
    }
}

async fn write_pieces<S: AsyncWrite + Unpin>(stream: &mut S, ending: &Ending) -> io::Result<()> {
    for piece in &ending.pieces {
        stream.write_all(piece).await?;
        stream.flush().await?;
        sleep(ending.pause).await;
    }
    Ok(())
}

/// Judges a call, and answers or refuses it. hyper asks for a body (`100 Continue`) when it is read first; what is left
/// of one ends the connection.
async fn handle(handler: &impl Handler, head: Head, body: Incoming) -> Handled {
    let refused = match handler.judge(&head) {
        Ok(accepted) => match read(body).await {
            Ok(body) => return handler.answer(&head.map(|()| body), accepted).await,
            Err(refusal) => refusal.into(),
        },
        Err(refused) => refused,
    };
    handler.refuse(&head, *refused).await
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let too_long = || Refusal::new(413, 413_001, "The body is longer than 1 MiB.");
    if body.size_hint().lower() > BODY_SIZE as u64 {
        return Err(too_long());
    }
    match timeout(BODY_TIMEOUT, Limited::new(body, BODY_SIZE).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(Refusal::bad_request("The body is incomplete.")),
        Err(_) => Err(Refusal::new(408, 408_001, "The body did not arrive in time.")),
    }
}

/// The segments of the path, decoded.
pub(super) fn segments<B>(call: &Request<B>) -> Result<Vec<String>, Refusal> {
    let segments = call.uri().path().split('/').filter(|segment| !segment.is_empty());
    let decoded: Result<_, std::str::Utf8Error> = segments
        .map(|segment| Ok(percent_decode_str(segment).decode_utf8()?.into_owned()))
        .collect();
    decoded.map_err(|_| Refusal::bad_request("The path is not UTF-8."))
}

/// The body of a call, which must be JSON.
pub(super) fn body(call: &Call) -> Result<Value, Refusal> {
    serde_json::from_slice(call.body()).map_err(|error| Refusal::bad_request(format!("The body is not JSON: {error}.")))
}

/// A reply of this status and type.
pub(super) fn reply(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status.try_into().expect("a status of three digits");
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// A reply in JSON.
pub(super) fn json(status: u16, body: &impl Serialize) -> Reply {
    // JSON with text as keys can always be written.
    let body = serde_json::to_string(body).unwrap_or_default();
    reply(status, "application/json; charset=utf-8", body)
}

/// The last reply of a connection, as bytes. A device can compare its clock to the date.
pub(super) fn encoded(reply: &Reply, body: &[u8]) -> Vec<u8> {
    let status = reply.status();
    let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    let date = httpdate::fmt_http_date(SystemTime::now());
    let mut bytes = format!("HTTP/1.1 {code} {reason}\r\ndate: {date}\r\n").into_bytes();
    for (name, value) in reply.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let end = format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    bytes.extend([end.as_bytes(), body].concat());
    bytes
}

/// The value of a query parameter, decoded; its name is compared without case.
pub(super) fn parameter<B>(call: &Request<B>, name: &str) -> Option<String> {
    let mut pairs = call.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    let value = percent_decode_str(value).decode_utf8().ok()?;
    Some(value.into_owned())
}

/// The value of a header, if it is text.
pub(super) fn header<'a, B>(call: &'a Request<B>, name: &str) -> Option<&'a str> {
    call.headers().get(name)?.to_str().ok()
}

/// The host that the request is for, without its port.
pub(super) fn host<B>(call: &Request<B>) -> Option<&str> {
    header(call, "host").map(without_port)
}

/// Removes the port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_off_and_an_address_left_whole() {
        for (host, name) in [
            ("localhost", "localhost"),
            ("localhost:8443", "localhost"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:8443", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn a_parameter_is_found_in_any_case_and_decoded() {
        let call = |target: &str| Request::builder().uri(target).body(()).expect("a request");
        let value = |target: &str| parameter(&call(target), "api-version");
        assert_eq!(value("/a?b=c&API-Version=2021%2D10-01"), Some("2021-10-01".to_owned()));
        for target in ["/a", "/a?", "/a?api-version", "/a?api-version=%ff", "/a?api-versions=1"] {
            assert_eq!(value(target), None, "{target}");
        }
    }
}
