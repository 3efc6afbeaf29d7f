//! Registration id, id scope and api-version: checked once, then safe in a topic or a user name.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};

use crate::{invalid_input::InvalidInput, text_conversions};

/// Declares a newtype over a checked string that is cheap to clone, with the conversions that all of them have.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $input:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// [`InvalidInput`] when the text breaks the rules above.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidInput> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidInput::new($input, $expected).with_given(&text))
                }
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidInput;

            fn from_str(text: &str) -> Result<Self, InvalidInput> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> Self {
                checked.0.as_ref().to_owned()
            }
        }

        text_conversions!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

checked_text!(
    /// The name under which a device registers.
    ///
    /// 1 to 128 letters, digits, `-`, `.`, `_` and `:`, not ending in `.`, `_` or `:`. The service compares it without
    /// case; it is sent as given. With X.509 it is the certificate's common name, and so at most 64 long.
    RegistrationId,
    "registration id",
    "1 to 128 letters, digits, '-', '.', '_' or ':', ending in a letter, a digit or '-'",
    |text| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
            && !text.ends_with(['.', '_', ':'])
    }
);

checked_text!(
    /// The id scope of a provisioning service instance, such as `0ne00A1B2C3`: 1 to 64 letters, digits and `-`.
    IdScope,
    "id scope",
    "1 to 64 letters, digits or '-', such as 0ne00A1B2C3",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
);

checked_text!(
    /// The version of the service's interface that a request speaks, such as `2019-03-31`.
    ///
    /// 1 to 64 letters, digits, `-` and `.`.
    ApiVersion,
    "api-version",
    "a version such as 2019-03-31 or 2026-11-01",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    }
);

impl Default for ApiVersion {
    /// `2019-03-31`, what the service documents for MQTT and what most SDKs send.
    fn default() -> Self {
        static DEFAULT: LazyLock<Arc<str>> = LazyLock::new(|| "2019-03-31".into());
        Self(Arc::clone(&DEFAULT))
    }
}

impl ApiVersion {
    /// `2026-11-01`, the first stable version with certificate signing requests.
    pub(crate) fn with_csr() -> Self {
        Self("2026-11-01".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_ids_of_every_allowed_shape_are_taken_as_given() {
        let long = "a".repeat(128);
        for id in ["d", "Device-1", "sn:00_11.22-", "0", &long] {
            assert_eq!(RegistrationId::new(id).expect(id).as_str(), id);
        }
    }

    #[test]
    fn registration_ids_that_would_break_a_topic_or_the_rules_are_refused() {
        let long = "a".repeat(129);
        for id in ["", "a b", "a/b", "a+", "#", "a.", "a_", "a:", "ä", "a\0", &long] {
            let error = RegistrationId::new(id).expect_err(id);
            assert_eq!(error.input(), "registration id");
        }
    }

    #[test]
    fn id_scopes_hold_letters_digits_and_hyphens_only() {
        assert!(IdScope::new("0ne00A1B2C3").is_ok());
        assert!(IdScope::new("a".repeat(64)).is_ok());
        for scope in ["", "0ne 1", "0ne/", "ä", &"a".repeat(65)] {
            assert_eq!(IdScope::new(scope).expect_err(scope).input(), "id scope");
        }
    }

    #[test]
    fn api_versions_cannot_smuggle_another_parameter_into_the_user_name() {
        assert_eq!(ApiVersion::default().as_str(), "2019-03-31");
        assert!(ApiVersion::new("2026-11-02-preview").is_ok());
        assert!(ApiVersion::new("2019&ClientVersion=x").is_err());
    }
}
