//! What a device tells the enrollment's custom allocation webhook.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::{Value, value::RawValue};

use crate::{invalid_input::InvalidInput, text_conversions};

/// Any JSON value, kept as the text that was given: the order of its keys and the digits of its numbers reach the
/// service unchanged. Cheap to clone.
#[derive(Clone)]
pub struct Payload(Arc<RawValue>);

impl Payload {
    /// Checks that `json` is one JSON value. A byte order mark and white space around the value are left out.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `payload`, and what it is instead. The text is not repeated.
    pub fn from_json(json: impl Into<String>) -> Result<Self, InvalidInput> {
        let mut json = json.into();
        if json.starts_with(BYTE_ORDER_MARK) {
            json.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        // `RawValue` consumes the text.
        let found = explain(&json);
        match RawValue::from_string(json) {
            Ok(value) => Ok(Self(value.into())),
            Err(error) => {
                let expected = match found {
                    Some(_) => "one JSON value".to_owned(),
                    None => format!(
                        "one JSON value; it is invalid at line {}, column {}",
                        error.line(),
                        error.column()
                    ),
                };
                let invalid = InvalidInput::new(PAYLOAD, expected);
                Err(match found {
                    Some((found, remedy)) => invalid.with_found(found).with_remedy(remedy),
                    None => invalid,
                })
            }
        }
    }

    /// Checks that `bytes`, such as the contents of a file, are one JSON value in UTF-8.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidInput> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            let invalid = InvalidInput::new(PAYLOAD, "one JSON value in UTF-8").with_found("UTF-16 text");
            return Err(invalid.with_remedy("convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::from_json(text),
            Err(_) => Err(InvalidInput::new(PAYLOAD, "one JSON value in UTF-8").with_found("not text in UTF-8")),
        }
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

const PAYLOAD: &str = "payload";
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What text that is not JSON probably is, and what to do about it.
fn explain(text: &str) -> Option<(&'static str, &'static str)> {
    match text.trim() {
        "" => Some(("empty", "give a JSON value, or no payload")),
        quoted if quoted.starts_with('\'') => Some((
            "text in single quotes",
            "remove them: the shell of Windows passes them on; JSON has double quotes",
        )),
        object if object.starts_with("{'") => Some(("an object with names in single quotes", "JSON has double quotes")),
        html if html.starts_with('<') => Some(("a web page or XML", "give a JSON value")),
        _ => None,
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        let text = RawValue::from_string(value.to_string());
        Self(text.expect("a JSON value's text is JSON").into())
    }
}

impl FromStr for Payload {
    type Err = InvalidInput;

    fn from_str(json: &str) -> Result<Self, InvalidInput> {
        Self::from_json(json)
    }
}

text_conversions!(Payload);

impl PartialEq for Payload {
    /// Whether the texts are the same.
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Payload {}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.as_json().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept_as_it_was_given() {
        let text = r#"{"z": 1.00000000000000000001, "a": 12345678901234567890123}"#;
        let payload: Payload = text.parse().expect("JSON");
        assert_eq!(payload.as_json(), text);
        assert_eq!(serde_json::to_string(&payload).expect("text"), text);
    }

    #[test]
    fn a_byte_order_mark_and_the_end_of_a_file_are_no_part_of_it() {
        for bytes in ["\u{feff}{\"a\": 1}", "{\"a\": 1}\n", " {\"a\": 1}\r\n\n"] {
            assert_eq!(
                Payload::from_bytes(bytes.as_bytes()).expect("JSON").as_json(),
                "{\"a\": 1}"
            );
        }
    }

    #[test]
    fn what_is_no_json_is_named() {
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"'{\"a\":1}'", "it is text in single quotes"),
            (b"{'a':1}", "names in single quotes"),
            (b"<html>", "a web page"),
            (&[0xff, 0xfe, b'1', 0], "iconv"),
            (&[b'"', 0xe4, b'"'], "not text in UTF-8"),
            (b"{\n\"a\": 01}", "line 2, column 7"),
        ] {
            let error = Payload::from_bytes(bytes).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn text_that_is_not_one_json_value_is_refused_and_not_repeated() {
        for text in ["", "{", "s3cret", "1 2", "{\"a\":s3cret}"] {
            let error = Payload::from_json(text).expect_err(text);
            assert_eq!(error.input(), "payload");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
