//! Why an enrollment is invalid, with the path of the member.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::input::without_text;

/// Why an enrollment is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// The path of the member.
    pub(crate) field: String,
    /// What was expected of it.
    pub(crate) message: String,
}

impl Invalid {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Reads JSON; `whole` names it in errors about no member of it.
pub(super) fn read<T: DeserializeOwned>(value: Value, whole: &str) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = without_text(&error.inner().to_string());
        match error.path().to_string() {
            path if path == "." => Invalid::new(whole, message),
            path => Invalid::new(path, message),
        }
    })
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}
