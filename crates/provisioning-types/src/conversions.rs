//! Conversions from text that every checked type has.

use std::convert::Infallible;

use crate::invalid_input::InvalidInput;

/// Lets a checked type be made from text of every kind, by its `FromStr`: arguments are `impl TryInto` of the type.
///
/// For the crates of this project only.
#[doc(hidden)]
#[macro_export]
macro_rules! text_conversions {
    ($name:ty) => {
        impl TryFrom<&str> for $name {
            type Error = $crate::InvalidInput;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::InvalidInput;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&String> for $name {
            type Error = $crate::InvalidInput;

            fn try_from(text: &String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

impl From<Infallible> for InvalidInput {
    /// A checked type converts into itself without an error.
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        endpoint::Endpoint,
        host::Host,
        identity::{ApiVersion, IdScope, RegistrationId},
        invalid_input::InvalidInput,
        payload::Payload,
    };

    /// As a builder takes its arguments.
    fn checked<T>(given: impl TryInto<T, Error: Into<InvalidInput>>) -> Result<T, InvalidInput> {
        given.try_into().map_err(Into::into)
    }

    #[test]
    fn every_checked_type_is_made_from_itself_and_from_every_kind_of_text() {
        macro_rules! takes {
            ($name:ty, $text:literal) => {
                let text = String::from($text);
                let itself: $name = text.parse().expect("valid");
                assert_eq!(checked::<$name>($text).as_ref(), Ok(&itself));
                assert_eq!(checked::<$name>(&text).as_ref(), Ok(&itself));
                assert_eq!(checked::<$name>(text).as_ref(), Ok(&itself));
                assert_eq!(checked::<$name>(itself.clone()), Ok(itself));
            };
        }
        takes!(RegistrationId, "device-1");
        takes!(IdScope, "0ne1");
        takes!(ApiVersion, "2019-03-31");
        takes!(Host, "dps.example");
        takes!(Endpoint, "dps.example:8883");
        takes!(Payload, "{}");
        let error = checked::<IdScope>("no id scope").expect_err("blanks");
        assert_eq!(error.input(), "id scope");
    }
}
