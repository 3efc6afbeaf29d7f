//! The error of everything that is refused before a connection is made.

use std::borrow::Cow;

/// An input that cannot be used, with its name and what was expected of it.
///
/// It is found before any connection is made: correct the input and try again.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
#[non_exhaustive]
pub struct InvalidInput {
    input: Cow<'static, str>,
    expected: Cow<'static, str>,
    given: Option<String>,
}

/// How much of a rejected value is repeated in a message.
const SHOWN: usize = 64;

impl InvalidInput {
    /// `input` names what was given (“id scope”), `expected` says what it should have been.
    pub fn new(input: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            input: input.into(),
            expected: expected.into(),
            given: None,
        }
    }

    /// Adds the rejected value, shortened and escaped. Never call it with a secret.
    #[must_use]
    pub fn with_given(mut self, given: &str) -> Self {
        let shown: String = given.chars().take(SHOWN).collect();
        let ellipsis = if shown.len() < given.len() { "…" } else { "" };
        self.given = Some(format!("{shown:?}{ellipsis}"));
        self
    }

    /// Adds where the input was found, such as a file's path, to its name.
    #[must_use]
    pub fn found_in(mut self, place: impl std::fmt::Display) -> Self {
        self.input = format!("{} in {place}", self.input).into();
        self
    }

    /// The name of the input.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// What was expected.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    fn sentence(&self) -> String {
        let Self { input, expected, .. } = self;
        match &self.given {
            Some(given) => format!("{input} {given} cannot be used: expected {expected}"),
            None => format!("{input} cannot be used: expected {expected}"),
        }
    }
}

impl std::fmt::Debug for InvalidInput {
    /// The message: it is what `main` shows of an error that it returns.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_input_its_value_and_what_was_expected() {
        let error = InvalidInput::new("id scope", "1 to 64 letters").with_given("a\nb");
        assert_eq!(
            error.to_string(),
            r#"id scope "a\nb" cannot be used: expected 1 to 64 letters"#
        );
    }

    #[test]
    fn a_long_value_is_shortened() {
        let error = InvalidInput::new("host", "a name").with_given(&"x".repeat(1000));
        assert!(error.to_string().len() < 150, "{error}");
    }
}
