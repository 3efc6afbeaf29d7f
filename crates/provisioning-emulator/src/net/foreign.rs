//! Protocols that a port does not have: HTTP where TLS or MQTT is expected, and AMQP.

use std::{fmt, time::SystemTime};

use serde_json::Value;

use crate::{http::error_body, refusal::Refusal};

/// A protocol that does not belong to a port, from its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Foreign {
    Http { method: String, path: String },
    Amqp,
}

/// What the first bytes of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detection {
    Foreign(Foreign),
    /// Too few to say.
    Undecided,
    Other,
}

/// The methods of HTTP, and how AMQP 1.0 starts.
const METHODS: [&str; 9] = [
    "CONNECT ", "DELETE ", "GET ", "HEAD ", "OPTIONS ", "PATCH ", "POST ", "PUT ", "TRACE ",
];
const AMQP: &str = "AMQP";

/// The longest request line of HTTP that is waited for.
const MAX_REQUEST_LINE: usize = 8 * 1024;

impl Foreign {
    /// Looks at the bytes that have been received so far.
    pub(crate) fn detect(bytes: &[u8]) -> Detection {
        if bytes.starts_with(AMQP.as_bytes()) {
            return Detection::Foreign(Self::Amqp);
        }
        if METHODS.iter().any(|method| bytes.starts_with(method.as_bytes())) {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            if line.len() == bytes.len() && bytes.len() < MAX_REQUEST_LINE {
                return Detection::Undecided;
            }
            let line = String::from_utf8_lossy(line);
            let mut words = line.split_ascii_whitespace();
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (path, _) = target.split_once('?').unwrap_or((target, ""));
            return Detection::Foreign(Self::Http {
                method: method.to_owned(),
                path: path.to_owned(),
            });
        }
        let could_become = |start: &&str| start.as_bytes().starts_with(bytes);
        match METHODS.iter().chain(&[AMQP]).any(could_become) {
            true => Detection::Undecided,
            false => Detection::Other,
        }
    }

    /// The last bytes for the client: an HTTP response with an error body, or the sentence itself.
    pub(crate) fn answer(&self, sentence: &str) -> String {
        match self {
            Self::Http { .. } => bad_request(&error_body(&Refusal::bad_request(sentence)), SystemTime::now()),
            Self::Amqp => format!("{sentence}\n"),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { method, path } => write!(formatter, "HTTP, {method} {path}"),
            Self::Amqp => formatter.write_str("AMQP"),
        }
    }
}

/// An HTTP response. A device can compare its clock to the date.
fn bad_request(body: &Value, now: SystemTime) -> String {
    let (body, date) = (body.to_string(), httpdate::fmt_http_date(now));
    let length = body.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\nDate: {date}\r\nContent-Type: application/json; charset=utf-8\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_amqp_are_detected_from_their_first_bytes() {
        let http = |method: &str, path: &str| {
            Detection::Foreign(Foreign::Http {
                method: method.to_owned(),
                path: path.to_owned(),
            })
        };
        for (bytes, expected) in [
            (&b""[..], Detection::Undecided),
            (b"G", Detection::Undecided),
            (b"GET /a", Detection::Undecided),
            (b"GET /a?b=c HTTP/1.1\r\n", http("GET", "/a")),
            (
                b"PUT /0ne/registrations/d/register HTTP/1.1\r\nHost: x",
                http("PUT", "/0ne/registrations/d/register"),
            ),
            (b"AM", Detection::Undecided),
            (b"AMQP\x03\x01\x00\x00", Detection::Foreign(Foreign::Amqp)),
            (b"\x10", Detection::Other),
            (b"\x50\x02\x00\x01", Detection::Other),
            (b"GIT ", Detection::Other),
        ] {
            assert_eq!(Foreign::detect(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
        let endless = [b"GET /".to_vec(), vec![b'a'; MAX_REQUEST_LINE]].concat();
        assert!(matches!(Foreign::detect(&endless), Detection::Foreign(_)));
    }
}
