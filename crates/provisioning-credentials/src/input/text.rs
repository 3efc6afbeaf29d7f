//! Symmetric keys and SAS tokens as text.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT},
};
use provisioning_types::{InvalidInput, Secret};
use zeroize::Zeroizing;

use super::json::path_of_text;

/// The name of the input.
pub(crate) const SYMMETRIC_KEY: &str = "symmetric key";

/// Text that may begin with a byte order mark.
pub(crate) fn decode<'a>(what: &'static str, bytes: &'a [u8]) -> Result<&'a str, InvalidInput> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let invalid = InvalidInput::new(what, "text in UTF-8").with_found("UTF-16 text");
        return Err(invalid.with_remedy("convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`"));
    }
    std::str::from_utf8(bytes).map_err(|_| InvalidInput::new(what, "text in UTF-8"))
}

/// The key that `text` contains in base64, which may be wrapped.
pub(crate) fn symmetric_key(text: &str) -> Result<Secret, InvalidInput> {
    let text = text.trim_start_matches('\u{feff}');
    let base64 = Zeroizing::new(text.split_whitespace().collect::<String>());
    match STANDARD.decode(base64.as_bytes()) {
        Ok(key) if !key.is_empty() && !is_hex(&base64) => Ok(Secret::new(key)),
        _ => Err(no_symmetric_key(text.trim(), &base64)),
    }
}

/// A key in hexadecimal digits is base64 too, of other bytes. No key in base64 of this length has hexadecimal digits only.
fn is_hex(text: &str) -> bool {
    text.len() >= 32 && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Why `text` is not a symmetric key. `base64` is the text without white space.
fn no_symmetric_key(text: &str, base64: &str) -> InvalidInput {
    let invalid = InvalidInput::new(SYMMETRIC_KEY, "a key in base64, as the service shows it");
    let (found, remedy) = if text.is_empty() {
        ("empty", "copy the key again")
    } else if text.starts_with(['"', '\'', '\u{201c}']) {
        ("text in quotes", "remove the quotes")
    } else if text.starts_with("SharedAccessSignature") {
        ("a SAS token", "give it as a SAS token instead")
    } else if text.contains("SharedAccessKey=") {
        ("a connection string", "give only the text after `SharedAccessKey=`")
    } else if text.starts_with(['{', '[']) {
        let remedy = match path_of_text(text, |name, _| name == "primaryKey") {
            Some(path) => format!("extract the key with `jq -r '{path}' FILE > NEW`"),
            None => "extract the key in it".to_owned(),
        };
        return invalid.with_found("JSON").with_remedy(remedy);
    } else if text.contains("-----BEGIN ") {
        (
            "PEM",
            "a symmetric key is one line of base64: for a certificate, give its key as a private key",
        )
    } else if text.starts_with('<') {
        ("a web page", "download or copy the key again")
    } else if is_hex(base64) {
        (
            "a key in hexadecimal digits",
            "convert it with `xxd -r -p FILE | base64 -w0 > NEW`",
        )
    } else if base64.contains(['-', '_']) && decodes(&base64.replace('-', "+").replace('_', "/")) {
        (
            "base64url",
            "convert it with `tr -- '-_' '+/' < FILE > NEW`, and complete it with `=` to a multiple of 4",
        )
    } else if decodes(base64) {
        (
            "base64 without its padding",
            "complete it with `=` to a multiple of 4 characters",
        )
    } else {
        return invalid;
    };
    invalid.with_found(found).with_remedy(remedy)
}

/// Says in the error what `text` is instead of a SAS token.
pub(crate) fn no_token(text: &str, invalid: InvalidInput) -> InvalidInput {
    let (found, remedy) = if text.is_empty() {
        ("empty", "make the token again")
    } else if text.starts_with(['"', '\'', '\u{201c}']) {
        ("text in quotes", "remove the quotes")
    } else if text.contains("SharedAccessKey=") {
        ("a connection string", "make a token of the key in it with `dps sas`")
    } else if text.contains("-----BEGIN ") {
        (
            "PEM",
            "for a certificate, give the files of the certificate and of its key",
        )
    } else if text.starts_with(['{', '[']) {
        ("JSON", "extract the token in it")
    } else if text.contains(": SharedAccessSignature ") {
        ("the header of a request", "give only the text after the colon")
    } else if decodes(text) {
        (
            "a symmetric key",
            "give it as a symmetric key, or make a token of it with `dps sas`",
        )
    } else {
        return invalid;
    };
    invalid.with_found(found).with_remedy(remedy)
}

/// Whether `text` is base64, with or without padding.
fn decodes(text: &str) -> bool {
    STANDARD_PAD_INDIFFERENT.decode(text).map(Zeroizing::new).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE+/ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";

    #[test]
    fn a_key_is_read_with_a_mark_line_breaks_and_white_space_around_it() {
        let key = STANDARD.decode(KEY).expect("base64");
        let wrapped = format!("{}\n{}\r\n  {}", &KEY[..40], &KEY[40..64], &KEY[64..]);
        for text in [
            KEY.to_owned(),
            format!("\u{feff}{KEY}\r\n"),
            format!("  {KEY}\t\n\n"),
            wrapped,
        ] {
            assert_eq!(symmetric_key(&text).expect("a key").expose(), key, "{text}");
        }
    }

    #[test]
    fn a_key_in_another_notation_is_named_and_not_repeated() {
        let hex = "f22b2b148d6c1ac225bef15248546231f08dcefdb57e36c4fbf6a1fe54a1de51";
        for (text, expected) in [
            (String::new(), "it is empty"),
            (" \r\n".to_owned(), "it is empty"),
            (format!("\"{KEY}\""), "it is text in quotes"),
            (format!("'{KEY}'"), "it is text in quotes"),
            (
                format!("HostName=a.azure-devices.net;DeviceId=b;SharedAccessKey={KEY}"),
                "it is a connection string",
            ),
            (
                format!("SharedAccessSignature sr=a&sig={KEY}&se=1"),
                "it is a SAS token",
            ),
            (
                format!(r#"[{{"attestation":{{"symmetricKey":{{"primaryKey":"{KEY}"}}}}}}]"#),
                r#"jq -r '.[0]."attestation"."symmetricKey"."primaryKey"' FILE"#,
            ),
            (format!(r#"{{"key":"{KEY}"}}"#), "extract the key in it"),
            (format!("-----BEGIN PRIVATE KEY-----\n{KEY}\n"), "it is PEM"),
            ("<html></html>".to_owned(), "it is a web page"),
            (hex.to_owned(), "xxd -r -p"),
            (hex.to_uppercase(), "xxd -r -p"),
            (KEY.replace('+', "-").replace('/', "_"), "it is base64url"),
            (KEY.trim_end_matches('=').to_owned(), "without its padding"),
            (KEY.replace('+', "*"), "expected a key in base64"),
        ] {
            let error = symmetric_key(&text).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(&KEY[..8]) && !error.contains(&hex[..8]), "{error}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_named() {
        assert_eq!(decode("SAS token", "\u{feff}text".as_bytes()), Ok("text"));
        let utf16 = decode("SAS token", &[0xff, 0xfe, b'a', 0])
            .expect_err("UTF-16")
            .to_string();
        assert!(
            utf16.contains("it is UTF-16 text") && utf16.contains("iconv"),
            "{utf16}"
        );
        assert!(decode("SAS token", &[0xe4, b'b']).is_err());
    }
}
