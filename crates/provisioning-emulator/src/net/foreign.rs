//! Protocols that a port does not have: HTTP where TLS or MQTT is expected, MQTT where TLS or HTTP is, and AMQP.

use std::fmt;

use crate::{http::last_answer, refusal::Refusal};

/// A protocol that does not belong to a port, from its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Foreign {
    Http { method: String, path: String },
    Mqtt,
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

/// How AMQP 1.0 starts.
const AMQP: &[u8] = b"AMQP";

/// How MQTT starts: the first byte of CONNECT, with which neither TLS nor HTTP starts.
const CONNECT: u8 = 0x10;

/// The longest method of HTTP that is recognized. Those that are registered have 17 letters at most.
const MAX_METHOD: usize = 20;

/// The longest request line of HTTP that is waited for.
const MAX_REQUEST_LINE: usize = 8 * 1024;

impl Foreign {
    /// Looks at the bytes that have been received so far.
    pub(crate) fn detect(bytes: &[u8]) -> Detection {
        if bytes.starts_with(AMQP) {
            return Detection::Foreign(Self::Amqp);
        }
        if bytes.first() == Some(&CONNECT) {
            return Detection::Foreign(Self::Mqtt);
        }
        let method = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-');
        let length = method.count();
        match bytes.get(length) {
            None if length <= MAX_METHOD => Detection::Undecided,
            Some(b' ') if (1..=MAX_METHOD).contains(&length) => Self::detect_request(bytes),
            _ => Detection::Other,
        }
    }

    /// Looks at bytes that start as a request of HTTP, after the name of the method.
    fn detect_request(bytes: &[u8]) -> Detection {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() == bytes.len() && bytes.len() < MAX_REQUEST_LINE {
            return Detection::Undecided;
        }
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, _) = target.split_once('?').unwrap_or((target, ""));
        Detection::Foreign(Self::Http {
            method: method.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The last bytes for the client: an HTTP response with an error body, or the sentence itself.
    pub(crate) fn answer(&self, sentence: &str) -> Vec<u8> {
        match self {
            Self::Http { .. } => last_answer(&Refusal::bad_request(sentence)),
            Self::Mqtt | Self::Amqp => format!("{sentence}\n").into_bytes(),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { method, path } => write!(formatter, "HTTP, {method} {path}"),
            Self::Mqtt => formatter.write_str("MQTT"),
            Self::Amqp => formatter.write_str("AMQP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_mqtt_and_amqp_are_detected_from_their_first_bytes() {
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
            (b"PRI * HTTP/2.0\r\n", http("PRI", "*")),
            (b"VERSION-CONTROL /a HTTP/1.1\r\n", http("VERSION-CONTROL", "/a")),
            (b"\x10", Detection::Foreign(Foreign::Mqtt)),
            (b"\x50\x02\x00\x01", Detection::Other),
            (b"\x16\x03\x01", Detection::Other),
            (b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", Detection::Other),
            (b"get /a", Detection::Other),
        ] {
            assert_eq!(Foreign::detect(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
        let endless = [b"GET /".to_vec(), vec![b'a'; MAX_REQUEST_LINE]].concat();
        assert!(matches!(Foreign::detect(&endless), Detection::Foreign(_)));
    }
}
