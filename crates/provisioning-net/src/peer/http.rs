//! An HTTP answer as an error message shows it.

use std::fmt;

use super::quoted;

const START: &[u8] = b"HTTP/";

/// Whether an HTTP answer may begin with these bytes.
pub(super) fn may_begin(first: &[u8]) -> bool {
    let length = first.len().min(START.len());
    length > 0 && first[..length] == START[..length]
}

/// What a message shows of an answer. Each text is in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: Option<u16>,
    /// The title of a page, a body of plain text, or else the reason phrase.
    title: Option<String>,
    server: Option<String>,
    location: Option<String>,
}

impl HttpAnswer {
    /// The answer that begins with these bytes, which may be cut off anywhere.
    pub(super) fn parse(first: &[u8]) -> Option<Self> {
        let rest = first.strip_prefix(START)?;
        let (head, body) = match position(rest, b"\r\n\r\n") {
            Some(end) => (&rest[..end], &rest[end + 4..]),
            None => (rest, &[][..]),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut words = lines.next()?.splitn(3, |byte| *byte == b' ').skip(1);
        let status = words
            .next()
            .and_then(|word| std::str::from_utf8(word.trim_ascii()).ok());
        let phrase = words.next().map_or(&[][..], <[u8]>::trim_ascii);
        let header = |name: &str| {
            let mut lines = lines.clone();
            lines.find_map(|line| {
                let (found, value) = line.split_at(position(line, b":")?);
                let is_wanted = found.eq_ignore_ascii_case(name.as_bytes());
                is_wanted.then(|| quoted(value[1..].trim_ascii()))
            })
        };
        Some(Self {
            status: status.and_then(|status| status.parse().ok()),
            title: [
                title(body),
                plain_text(body).filter(|_| header("Transfer-Encoding").is_none()),
                Some(phrase),
            ]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty())
            .map(quoted),
            server: header("Server"),
            location: header("Location"),
        })
    }
}

impl fmt::Display for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("no status")?,
        }
        if let Some(title) = &self.title {
            write!(f, " {title}")?;
        }
        if let Some(location) = &self.location {
            write!(f, ", which leads to {location}")?;
        }
        match &self.server {
            Some(server) => write!(f, " (server {server})"),
            None => Ok(()),
        }
    }
}

/// The title of a page in HTML.
fn title(body: &[u8]) -> Option<&[u8]> {
    let lower = body.to_ascii_lowercase();
    let start = position(&lower, b"<title")?;
    let start = start + position(&lower[start..], b">")? + 1;
    let end = position(&lower[start..], b"<").map_or(lower.len(), |length| start + length);
    Some(body[start..end].trim_ascii())
}

/// The first line of a body that is not HTML.
fn plain_text(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii_start();
    let line = body.split(|byte| b"\r\n".contains(byte)).next()?;
    (!body.starts_with(b"<")).then_some(line.trim_ascii_end())
}

/// Where `part` begins.
fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(first: &str) -> String {
        HttpAnswer::parse(first.as_bytes()).expect("HTTP").to_string()
    }

    #[test]
    fn an_answer_shows_its_status_its_title_where_it_leads_and_its_server() {
        for (first, expected) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "400 \"Bad Request\""),
            ("HTTP/1.1 403\r\n\r\n", "403"),
            (
                "HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\n\r\n<html><TITLE lang=\"en\">Access\tdenied</TITLE>",
                "403 \"Access\\tdenied\" (server \"squid/5.7\")",
            ),
            (
                "HTTP/1.1 302 Found\r\nlocation:http://portal.example/login\r\n\r\n",
                "302 \"Found\", which leads to \"http://portal.example/login\"",
            ),
            ("HTTP/1.1 404 No\r\n\r\nnothing here\nmore", "404 \"nothing here\""),
            (
                "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\nnothing",
                "404 \"No\"",
            ),
            ("HTTP/1.1 200 OK\r\n\r\n<title>Cut o", "200 \"Cut o\""),
            ("HTTP/1.1 200 OK\r\n\r\n<title", "200 \"OK\""),
            ("HTTP/1.1 200 OK\r\nServ", "200 \"OK\""),
            ("HTTP/1.1 abc", "no status"),
            ("HTTP/", "no status"),
        ] {
            assert_eq!(shown(first), expected, "{first}");
        }
        assert!(HttpAnswer::parse(b"HTTQ/1.1 200 OK").is_none());
    }

    #[test]
    fn every_beginning_of_an_answer_may_become_one() {
        for length in 1..=START.len() {
            assert!(may_begin(&START[..length]));
        }
        for other in [&b""[..], b"h", b"HTTQ", b"\x20\x02"] {
            assert!(!may_begin(other), "{other:?}");
        }
    }
}
