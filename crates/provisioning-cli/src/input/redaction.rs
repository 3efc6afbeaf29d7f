//! Removes secrets from messages that quote the command line.

use std::ffi::OsString;

use provisioning_device::is_secret_instead_of_path;

/// The replacement of a secret.
const SECRET: &str = "(a secret, which is not repeated here)";

/// Replaces each of the arguments in `words` that looks like a secret, such as a key instead of the name of its file.
pub(crate) fn without_secrets(message: &str, words: &[OsString]) -> String {
    let words = words.iter().map(|word| word.to_string_lossy());
    words.fold(message.to_owned(), |message, word| {
        let value = match word.split_once('=') {
            // A flag and its value.
            Some((flag, value)) if flag.starts_with("--") => value,
            _ => &word,
        };
        match is_secret_instead_of_path(value) {
            true => message.replace(value, SECRET),
            false => message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_a_key_is_not_repeated_alone_or_with_its_flag() {
        let key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0Cg==";
        let said = format!("unexpected argument '{key}' found");
        let expected = "unexpected argument '(a secret, which is not repeated here)' found";
        for word in [key.to_owned(), format!("--timeout={key}")] {
            assert_eq!(without_secrets(&said, &["dps".into(), word.into()]), expected);
        }
        assert_eq!(
            without_secrets("no device.key", &["device.key".into()]),
            "no device.key"
        );
    }
}
