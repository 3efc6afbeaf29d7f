//! HTTP CONNECT ([RFC 9110, section 9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)), with basic
//! credentials.

use base64::{Engine, prelude::BASE64_STANDARD};
use provisioning_types::{Host, Secret};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::{Credentials, TunnelError, TunnelStep};

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// An answer with more header lines than this is rejected.
const MAX_HEADERS: usize = 100;

/// How much is read at once. Larger reads, once the tunnel is open, bypass the buffer.
const BUFFER: usize = 1024;

/// How much of the proxy's reason phrase is shown.
const MAX_SHOWN_CHARS: usize = 100;

/// What the proxy answered.
struct Answer {
    status: u16,
    reason: String,
}

/// Asks for a connection. The returned stream yields the bytes that follow the answer's head.
pub(super) async fn connect<S>(
    stream: S,
    credentials: Option<&Credentials>,
    host: &Host,
    port: u16,
    step: &mut TunnelStep,
) -> Result<BufReader<S>, TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    stream.write_all(request(credentials, host, port).expose()).await?;
    stream.flush().await?;
    *step = TunnelStep::HttpConnect;
    let answer = loop {
        let answer = read_answer(&mut stream, step).await?;
        // 1xx precedes the answer.
        if answer.status >= 200 {
            break answer;
        }
    };
    match answer.status {
        200..300 => Ok(stream),
        status => Err(TunnelError::Refused(explain(
            status,
            &answer.reason,
            credentials.is_some(),
        ))),
    }
}

/// Wiped on drop, since it holds the password.
fn request(credentials: Option<&Credentials>, host: &Host, port: u16) -> Secret {
    let head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    let login = credentials.map(basic);
    let lines = match &login {
        Some(login) => [
            head.as_bytes(),
            b"Proxy-Authorization: Basic ",
            login.expose(),
            b"\r\n\r\n",
        ],
        None => [head.as_bytes(), b"\r\n", b"", b""],
    };
    Secret::new(lines.concat())
}

fn basic(Credentials { user, password }: &Credentials) -> Secret {
    let login = Secret::new([user.expose(), b":", password.expose()].concat());
    Secret::new(BASE64_STANDARD.encode(login.expose()).into_bytes())
}

/// Reads the head of one answer, and no byte after it.
async fn read_answer<S>(stream: &mut BufReader<S>, step: &mut TunnelStep) -> Result<Answer, TunnelError>
where
    S: AsyncRead + Unpin,
{
    let mut head = Vec::new();
    while head.len() < MAX_HEAD {
        let arrived = stream.fill_buf().await?;
        if arrived.is_empty() {
            return Err(TunnelError::Closed);
        }
        *step = TunnelStep::RestOfAnswer;
        let (before, count) = (head.len(), arrived.len());
        head.extend_from_slice(arrived);
        match parse(&head).map_err(|_| TunnelError::NotAProxy("an HTTP"))? {
            Some((answer, length)) => {
                stream.consume(length - before);
                return Ok(answer);
            }
            None => stream.consume(count),
        }
    }
    Err(TunnelError::Refused(format!(
        "the head of its answer is longer than {MAX_HEAD} bytes"
    )))
}

/// The answer that `bytes` begin with, and the length of its head; `None` while that is incomplete.
fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let answer = Answer {
        status: head.code.unwrap_or_default(),
        reason: head.reason.unwrap_or_default().chars().take(MAX_SHOWN_CHARS).collect(),
    };
    Ok(Some((answer, length)))
}

fn explain(status: u16, reason: &str, with_credentials: bool) -> String {
    let answer = match reason {
        "" => format!("it answered with status {status}"),
        reason => format!("it answered with status {status} ({reason})"),
    };
    match (status, with_credentials) {
        // 401 is a server's status, not a proxy's, but tinyproxy uses it.
        (401 | 407, false) => answer + ", so it wants a user name and a password",
        (401 | 407, true) => answer + ", so it does not accept the user name and password",
        _ => answer,
    }
}
