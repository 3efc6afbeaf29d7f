//! Finding a secret in a log, whatever notation it is written in.
//!
//! A log may show bytes as text, as numbers, in hex or in base64, also as a part of something longer. So it is decoded
//! from each notation, and the secret is looked for in what comes out.

use std::str;

/// Bytes that no log may show.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) what: &'static str,
    /// What is looked for: the middle of a long secret, as a part of a secret is a leak too.
    bytes: Vec<u8>,
}

impl Secret {
    /// Looks for all of a secret.
    pub(crate) fn whole(what: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        assert!(bytes.len() >= 6, "{what}: a shorter secret is found by chance");
        Self { what, bytes }
    }

    /// Looks for the middle half of a secret.
    pub(crate) fn middle(what: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        Self::whole(what, &bytes[bytes.len() / 4..bytes.len() * 3 / 4])
    }
}

/// Secrets by their first byte, so that one pass over a text finds them all.
pub(crate) struct Search<'a>(Vec<Vec<&'a Secret>>);

impl<'a> Search<'a> {
    pub(crate) fn new(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut by_first = vec![vec![]; 256];
        for secret in secrets {
            by_first[usize::from(secret.bytes[0])].push(secret);
        }
        Self(by_first)
    }

    /// The first secret that `text` shows, and the notation in which it does.
    pub(crate) fn find(&self, text: &str) -> Option<(&'a Secret, &'static str)> {
        let plain = text.as_bytes();
        let unescaped = text.contains('\\').then(|| replaced(plain, b'\\', escape));
        let texts = [Some(plain), unescaped.as_deref()];
        texts
            .into_iter()
            .flatten()
            .find_map(|text| self.find_in_notations(text))
    }

    fn find_in_notations(&self, text: &[u8]) -> Option<(&'a Secret, &'static str)> {
        let find = |notation, bytes: &[u8]| self.find_bytes(bytes).map(|secret| (secret, notation));
        find("text", text)
            .or_else(|| find("percent-encoding", &replaced(text, b'%', hex_pair)))
            .or_else(|| find("decimal numbers", &decimals(text)))
            .or_else(|| {
                let digits = without_0x(text).filter_map(hex_digit);
                packed(digits, 4).iter().find_map(|bytes| find("hex", bytes))
            })
            .or_else(|| {
                let digits = text.iter().copied().filter_map(base64_digit);
                packed(digits, 6).iter().find_map(|bytes| find("base64", bytes))
            })
    }

    fn find_bytes(&self, bytes: &[u8]) -> Option<&'a Secret> {
        let mut starts = bytes.iter().enumerate();
        starts.find_map(|(start, &first)| {
            let mut candidates = self.0[usize::from(first)].iter().copied();
            candidates.find(|secret| bytes[start..].starts_with(&secret.bytes))
        })
    }
}

/// Reads what follows an introducer: the byte that the sequence stands for, and the rest of the text.
type ReadSequence = fn(&[u8]) -> Option<(u8, &[u8])>;

/// The text with each sequence that `introducer` begins replaced by the byte that it stands for.
fn replaced(text: &[u8], introducer: u8, read: ReadSequence) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let sequence = if first == introducer { read(after) } else { None };
        let (byte, after) = sequence.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// What follows a backslash in the `Debug` of text and of bytes.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, rest) = text.split_first()?;
    match kind {
        b'x' => hex_pair(rest),
        b'0' => Some((0, rest)),
        b'n' => Some((b'\n', rest)),
        b'r' => Some((b'\r', rest)),
        b't' => Some((b'\t', rest)),
        other => Some((other, rest)),
    }
}

fn hex_pair(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = text.split_first_chunk()?;
    Some((hex_digit(high)? << 4 | hex_digit(low)?, rest))
}

/// All numbers of the text that are bytes, however they are separated.
fn decimals(text: &[u8]) -> Vec<u8> {
    let numbers = text.split(|byte| !byte.is_ascii_digit());
    numbers
        .filter_map(|number| str::from_utf8(number).ok()?.parse().ok())
        .collect()
}

/// The text without the prefix of hex numbers, which has a digit itself.
fn without_0x(text: &[u8]) -> impl Iterator<Item = u8> {
    let is_prefix = |at: usize| text[at..].starts_with(b"0x") || text[at..].starts_with(b"0X");
    (0..text.len()).filter(move |&at| !is_prefix(at)).map(|at| text[at])
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

/// Of base64, and of its variant for URLs.
fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// The bytes that digits of so many bits make, for each digit at which the first byte can begin. Whatever separates the
/// digits was left out before.
fn packed(digits: impl Iterator<Item = u8>, bits: u32) -> Vec<Vec<u8>> {
    let digits: Vec<u8> = digits.collect();
    let alignments = if bits == 4 { 2 } else { 4 };
    let bytes = |start| {
        let (mut buffer, mut filled) = (0_u32, 0);
        let mut bytes = Vec::with_capacity(digits.len());
        for &digit in digits.iter().skip(start) {
            buffer = buffer << bits | u32::from(digit);
            filled += bits;
            if filled >= 8 {
                filled -= 8;
                bytes.push((buffer >> filled).to_le_bytes()[0]);
            }
        }
        bytes
    };
    (0..alignments).map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE},
    };
    use bytes::Bytes;

    use super::*;

    /// Every byte, so that every escape is among them, and a text as keys and tokens are.
    fn secrets() -> [Vec<u8>; 2] {
        [
            (0..=255).rev().collect(),
            b"sig=\"a key / that+nobody may see\"".to_vec(),
        ]
    }

    fn notation(secret: &[u8], text: &str) -> Option<&'static str> {
        let secret = Secret::middle("a secret", secret);
        let unrelated = Secret::whole("unrelated", "somewhere else");
        let found = Search::new([&unrelated, &secret]).find(text);
        found.map(|(found, notation)| {
            assert_eq!(found.what, "a secret");
            notation
        })
    }

    fn hex(secret: &[u8], separator: &str, digits: fn(u8) -> String) -> String {
        secret
            .iter()
            .map(|&byte| digits(byte))
            .collect::<Vec<_>>()
            .join(separator)
    }

    #[test]
    fn a_secret_is_found_in_every_notation() {
        for secret in secrets() {
            let lower = |byte| format!("{byte:02x}");
            let upper = |byte| format!("{byte:02X}");
            let prefixed = |byte| format!("{byte:#04x}");
            let shifted = |by: usize| [&vec![b'x'; by][..], &secret, b"yyy"].concat();
            let lines = BASE64_STANDARD.encode(&secret);
            let lines: Vec<_> = lines
                .as_bytes()
                .chunks(16)
                .map(|line| str::from_utf8(line).expect("ASCII"))
                .collect();
            let pem = lines.join("\n");
            let partly_encoded = |byte: u8| match byte {
                b'a'..=b'z' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            };
            for (expected, text) in [
                ("text", secret.escape_ascii().to_string()),
                ("text", format!("{:?}", Bytes::from(secret.clone()))),
                ("percent-encoding", hex(&secret, "", |byte| format!("%{byte:02X}"))),
                ("percent-encoding", hex(&secret, "", |byte| format!("%{byte:02x}"))),
                ("percent-encoding", hex(&secret, "", partly_encoded)),
                ("decimal numbers", format!("{secret:?}")),
                ("decimal numbers", format!("{secret:#?}")),
                ("decimal numbers", hex(&secret, " ", |byte| byte.to_string())),
                ("hex", hex(&secret, "", lower)),
                ("hex", hex(&secret, "", upper)),
                ("hex", hex(&secret, ":", lower)),
                ("hex", hex(&secret, "-", upper)),
                ("hex", hex(&secret, " ", upper)),
                ("hex", hex(&secret, ", ", prefixed)),
                ("hex", format!("{secret:02x?}")),
                ("hex", format!("{secret:#04X?}")),
                ("base64", BASE64_STANDARD.encode(&secret)),
                ("base64", BASE64_STANDARD.encode(shifted(1))),
                ("base64", BASE64_STANDARD_NO_PAD.encode(shifted(2))),
                ("base64", BASE64_URL_SAFE.encode(shifted(3))),
                ("base64", pem.clone()),
                ("base64", format!("{pem:?}")),
            ] {
                for before in ["", "a", "ab", "abc", "payload: ", "0", "f=", "\\\""] {
                    let line = format!("TRACE some::module {before}{text} len={}\n", secret.len());
                    assert_eq!(notation(&secret, &line), Some(expected), "{line}");
                }
            }
        }
    }

    #[test]
    fn text_is_found_as_it_is_and_as_debug_shows_it() {
        let [_, secret] = secrets();
        let text = str::from_utf8(&secret).expect("UTF-8");
        assert_eq!(notation(&secret, text), Some("text"));
        assert_eq!(notation(&secret, &format!("{text:?}")), Some("text"));
        assert_eq!(
            notation(b"one \"two\" three", r#"a: "one \"two\" three""#),
            Some("text")
        );
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for secret in secrets() {
            let mut other = secret.clone();
            let middle = other.len() / 2;
            other[middle] ^= 1;
            for text in [
                String::new(),
                "\\".to_owned(),
                "%4".to_owned(),
                format!(
                    "{other:?} {:?} {}",
                    Bytes::from(other.clone()),
                    BASE64_STANDARD.encode(&other)
                ),
            ] {
                assert_eq!(notation(&secret, &text), None, "{text}");
            }
        }
    }
}
