//! Symmetric keys as text.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    explain::{FROM_UTF_16, Unreadable, WEB_PAGE, is_html, is_json, is_utf16},
    pem::{BEGIN, decode_base64},
};

/// The key that `bytes` contain in base64, which may be wrapped.
pub(crate) fn symmetric_key(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    let base64: String = text.split_whitespace().collect();
    match STANDARD.decode(&base64) {
        Ok(key) if !key.is_empty() && !is_hex(&base64) => Ok(key),
        _ => Err(explain(bytes, text, &base64)),
    }
}

/// A key in hexadecimal digits is base64 too, of other bytes. No key in base64 of this length has hexadecimal digits only.
fn is_hex(text: &str) -> bool {
    text.len() >= 32 && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `base64` is the text without white space.
fn explain(bytes: &[u8], text: &str, base64: &str) -> Unreadable {
    let decodes = |text: &str| decode_base64(text).is_some();
    let (found, remedy) = if text.is_empty() {
        ("empty", "copy the key again")
    } else if is_utf16(bytes) {
        ("UTF-16 text", FROM_UTF_16)
    } else if text.starts_with(['"', '\'', '\u{201c}']) {
        ("text in quotes", "remove the quotes")
    } else if text.starts_with("SharedAccessSignature") {
        ("a SAS token", "give the key that signs it")
    } else if text.contains("SharedAccessKey=") {
        ("a connection string", "give what stands behind `SharedAccessKey=` only")
    } else if is_json(text) {
        ("JSON", "extract the key in it, as with `jq -r .NAME FILE > NEW`")
    } else if text.contains(BEGIN) {
        ("PEM", "a symmetric key is one line of base64")
    } else if is_html(text) {
        ("an HTML page", WEB_PAGE)
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
    } else if text.contains("\\n") {
        (
            "base64 with the two characters \\n in it",
            "convert it with `printf '%b' \"$(cat FILE)\" > NEW`",
        )
    } else if decodes(base64) {
        (
            "base64 without its padding",
            "complete it with `=` to a multiple of 4 characters",
        )
    } else {
        ("", "")
    };
    Unreadable {
        expected: "base64",
        found,
        remedy,
    }
}
