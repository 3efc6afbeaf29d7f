//! HTTP CONNECT ([RFC 9110, section 9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)), with basic
//! credentials.

use base64::{Engine, prelude::BASE64_STANDARD};
use provisioning_types::{Host, Secret};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::{
    Credentials, TunnelError, TunnelStep,
    tunnel::{GIVE_LOGIN_HINT, OTHER_SCHEME_HINT, WRONG_LOGIN_HINT},
};
use crate::peer::Peer;

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// An answer with more header lines than this is rejected.
const MAX_HEADERS: usize = 100;

/// How much is read at once. Larger reads, once the tunnel is open, bypass the buffer.
const BUFFER: usize = 1024;

/// How much of the proxy's reason phrase is shown.
const MAX_SHOWN_CHARS: usize = 100;

/// How many of the offered schemes are shown.
const MAX_SHOWN_SCHEMES: usize = 5;

/// What the proxy answered.
struct Answer {
    status: u16,
    reason: String,
    /// The authentication schemes that the proxy offers.
    schemes: Vec<String>,
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
        _ => Err(refusal(&answer, credentials.is_some())),
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
        let not_http = |_| {
            let peer = Peer::of(&head).filter(|peer| !matches!(peer, Peer::Http(_)));
            TunnelError::NotAProxy("an HTTP", peer)
        };
        match parse(&head).map_err(not_http)? {
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
        schemes: schemes(head.headers),
    };
    Ok(Some((answer, length)))
}

/// The schemes in the challenges of an answer
/// ([RFC 9110, section 11.6](https://www.rfc-editor.org/rfc/rfc9110#section-11.6)).
fn schemes(headers: &[httparse::Header<'_>]) -> Vec<String> {
    let is_challenge = |name: &str| {
        let names = ["Proxy-Authenticate", "WWW-Authenticate"];
        names.iter().any(|challenge| challenge.eq_ignore_ascii_case(name))
    };
    let is_scheme = |word: &&[u8]| {
        (1..=20).contains(&word.len()) && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    headers
        .iter()
        .filter(|header| is_challenge(header.name))
        // Parameters follow their scheme after commas too, but they have a sign of equality.
        .flat_map(|header| header.value.split(|byte| *byte == b','))
        .filter_map(|part| part.trim_ascii().split(u8::is_ascii_whitespace).next())
        .filter(is_scheme)
        .take(MAX_SHOWN_SCHEMES)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

fn refusal(answer: &Answer, with_credentials: bool) -> TunnelError {
    let Answer {
        status,
        reason,
        schemes,
    } = answer;
    let message = match reason.as_str() {
        "" => format!("it answered with status {status}"),
        reason => format!("it answered with status {status} ({reason})"),
    };
    // 401 is a server's status, not a proxy's, but tinyproxy uses it.
    if !matches!(status, 401 | 407) {
        return TunnelError::Refused(message);
    }
    let offered = schemes.join(", ");
    let takes_basic = schemes.is_empty() || schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("Basic"));
    let offer = match schemes.is_empty() {
        true => String::new(),
        false => format!(" (it offers {offered})"),
    };
    let (meaning, hint) = match (takes_basic, with_credentials) {
        (true, false) => (
            format!("so it requires a user name and a password{offer}"),
            GIVE_LOGIN_HINT,
        ),
        (true, true) => (
            format!("so it does not accept the user name and password{offer}"),
            WRONG_LOGIN_HINT,
        ),
        (false, false) => (
            format!("so it requires a login by {offered}, and this device can only log in by Basic"),
            OTHER_SCHEME_HINT,
        ),
        (false, true) => (
            format!(
                "so it requires a login by {offered}, and this device can only log in by Basic: the user name and password \
                 were not checked"
            ),
            OTHER_SCHEME_HINT,
        ),
    };
    TunnelError::Login {
        message: format!("{message}, {meaning}"),
        hint,
    }
}
