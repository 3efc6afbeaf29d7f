//! The error of everything that is refused before a connection is made.

use std::borrow::Cow;

use crate::secret_text::{has_mark, is_secret_text};

/// An input that cannot be used: its name, what it is, what was expected, and what to do.
///
/// It is found before any connection is made: correct the input and try again.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
#[non_exhaustive]
pub struct InvalidInput {
    input: Cow<'static, str>,
    expected: Cow<'static, str>,
    given: Option<String>,
    found: Option<Cow<'static, str>>,
    remedy: Option<Cow<'static, str>>,
}

/// How much of a rejected value is repeated in a message.
const SHOWN: usize = 64;

/// What a value is that looks like a secret.
const SECRET_TEXT: &str = "PEM, a key, a SAS token or a connection string, which is not repeated here";

impl InvalidInput {
    /// `input` names what was given (“id scope”), `expected` says what it should have been.
    pub fn new(input: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            input: input.into(),
            expected: expected.into(),
            given: None,
            found: None,
            remedy: None,
        }
    }

    /// Adds the rejected value, shortened and escaped. A value that looks like a secret is not repeated: PEM, a key, a
    /// SAS token or a connection string.
    #[must_use]
    pub fn with_given(mut self, given: &str) -> Self {
        if is_secret_text(given) {
            return self.with_found(SECRET_TEXT);
        }
        let shown: String = given.chars().take(SHOWN).collect();
        let ellipsis = if shown.len() < given.len() { "…" } else { "" };
        self.given = Some(format!("{shown:?}{ellipsis}"));
        self
    }

    /// Gives the input another name.
    #[must_use]
    pub fn named(mut self, input: impl Into<Cow<'static, str>>) -> Self {
        self.input = input.into();
        self
    }

    /// Says what the input is instead, such as `a certificate`. Never call it with contents of the input.
    #[must_use]
    pub fn with_found(mut self, found: impl Into<Cow<'static, str>>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Says what to do, such as a command that converts the input. The message ends with it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds where the input was found, such as a file's path, to its name. Control characters are escaped. A path that
    /// looks like a secret is not repeated.
    #[must_use]
    pub fn found_in(mut self, place: impl std::fmt::Display) -> Self {
        let place = place.to_string();
        if has_mark(&place) {
            return self.with_found(SECRET_TEXT);
        }
        self.input = format!("{} in {}", self.input, escape_controls(&place)).into();
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

    /// What the input is instead, if that is known.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What to do about it, if that is known.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    fn sentence(&self) -> String {
        let Self { input, expected, .. } = self;
        let part = |before: &str, part: Option<&str>| part.map(|part| format!("{before}{part}")).unwrap_or_default();
        let given = part(" ", self.given.as_deref());
        let found = self
            .found
            .as_ref()
            .map(|found| format!("it is {found}, "))
            .unwrap_or_default();
        let remedy = part("; ", self.remedy());
        format!("{input}{given} cannot be used: {found}expected {expected}{remedy}")
    }
}

fn escape_controls(text: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
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
    fn the_message_says_what_the_input_is_instead_and_what_to_do() {
        let error = InvalidInput::new("private key", "a private key in PEM or DER")
            .with_found("a certificate")
            .with_remedy("give the file of the key")
            .found_in("device.pem");
        assert_eq!(
            error.to_string(),
            "private key in device.pem cannot be used: it is a certificate, expected a private key in PEM or DER; \
             give the file of the key"
        );
    }

    #[test]
    fn a_value_that_looks_like_a_secret_is_not_repeated() {
        let connection_string = "HostName=a;SharedAccessKeyName=b;SharedAccessKey=c2VjcmV0";
        for error in [
            InvalidInput::new("host", "a name").with_given(connection_string),
            InvalidInput::new("certificate", "a file").found_in(connection_string),
        ] {
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
            assert!(
                error
                    .to_string()
                    .contains("it is PEM, a key, a SAS token or a connection string"),
                "{error}"
            );
        }
    }

    #[test]
    fn control_characters_of_a_place_are_escaped() {
        let error = InvalidInput::new("payload", "JSON").found_in("a\x1b[31m\nb");
        assert_eq!(error.input(), "payload in a\\u{1b}[31m\\nb");
    }

    #[test]
    fn a_long_value_is_shortened() {
        let error = InvalidInput::new("host", "a name").with_given(&"x".repeat(1000));
        assert!(error.to_string().len() < 150, "{error}");
    }
}
