//! When a client may send its next request.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The `retry-after` of an answer.
///
/// In a configuration and over HTTP: a number of seconds, `"absent"`, or any other text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// No `retry-after`.
    Absent,
    /// A number of seconds.
    Seconds(u64),
    /// Any text, valid or not.
    Verbatim(String),
}

impl RetryAfter {
    /// The value, as a topic or a header has it.
    pub(crate) fn value(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Seconds(seconds) => Some(seconds.to_string()),
            Self::Verbatim(text) => Some(text.clone()),
        }
    }
}

impl Serialize for RetryAfter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_str("absent"),
            Self::Seconds(seconds) => serializer.serialize_u64(*seconds),
            Self::Verbatim(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for RetryAfter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of seconds, \"absent\", or any other text")]
        enum Written {
            Seconds(u64),
            Text(String),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Seconds(seconds) => Self::Seconds(seconds),
            Written::Text(text) if text == "absent" => Self::Absent,
            Written::Text(text) => Self::Verbatim(text),
        })
    }
}
