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
    /// Checks that `json` is one JSON value.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `payload`. The text is not repeated.
    pub fn from_json(json: impl Into<String>) -> Result<Self, InvalidInput> {
        match RawValue::from_string(json.into()) {
            Ok(value) => Ok(Self(value.into())),
            Err(error) => Err(InvalidInput::new("payload", format!("one JSON value ({error})"))),
        }
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
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
    fn text_that_is_not_one_json_value_is_refused_and_not_repeated() {
        for text in ["", "{", "s3cret", "1 2", "{\"a\":s3cret}"] {
            let error = Payload::from_json(text).expect_err(text);
            assert_eq!(error.input(), "payload");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
