//! What an input is instead of what was expected, and how to convert it. No message repeats the input.

use std::fmt;

use super::{
    Wanted,
    der::{elements, is_cut_off},
    kind::Kind,
    pem::{BEGIN, Block, blocks},
};

/// An input that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(super) expected: &'static str,
    /// What it is instead; empty if no more is known.
    pub(super) found: &'static str,
    /// What to do; empty if nothing helps.
    pub(super) remedy: &'static str,
}

impl Unreadable {
    /// A certificate that is damaged within.
    pub(super) fn damaged_certificate() -> Self {
        unreadable(Wanted::Certificate, "damaged", COPY_AGAIN)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "expected {}", self.expected)?;
        if !self.found.is_empty() {
            write!(formatter, "; it is {}", self.found)?;
        }
        match self.remedy {
            "" => Ok(()),
            remedy => write!(formatter, ": {remedy}"),
        }
    }
}

pub(super) const COPY_AGAIN: &str = "copy the whole file again";
pub(super) const FROM_UTF_16: &str = "convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`";
pub(super) const WEB_PAGE: &str = "a login or an error page was saved instead of the file: download it again";

fn unreadable(wanted: Wanted, found: &'static str, remedy: &'static str) -> Unreadable {
    let expected = match wanted {
        Wanted::Certificate => "a certificate, in PEM, DER or base64",
        Wanted::PrivateKey => "a private key, in PEM or DER: PKCS#8, SEC1 or PKCS#1",
    };
    Unreadable {
        expected,
        found,
        remedy,
    }
}

/// The error of an input that is not text.
pub(super) fn not_text(bytes: &[u8]) -> Unreadable {
    let (found, remedy) = match is_utf16(bytes) {
        true => ("UTF-16 text", FROM_UTF_16),
        false => ("", ""),
    };
    Unreadable {
        expected: "text in UTF-8",
        found,
        remedy,
    }
}

/// The error of a PEM block of the wanted kind that cannot be decoded.
pub(super) fn defective(wanted: Wanted, text: &str, block: &Block<'_>) -> Unreadable {
    let (found, remedy) = match block.bytes() {
        Some(bytes) if is_cut_off(&bytes) => ("cut off", COPY_AGAIN),
        Some(_) => ("PEM whose contents are not DER", COPY_AGAIN),
        None if is_json(text) => JSON,
        None if block.has_escaped_line_breaks() => (
            "PEM with the two characters \\n instead of line breaks",
            "convert it with `printf '%b' \"$(cat FILE)\" > NEW`",
        ),
        None => ("PEM whose contents are not base64", COPY_AGAIN),
    };
    unreadable(wanted, found, remedy)
}

/// The error of an input in which nothing of the wanted kind was found.
pub(super) fn explain(wanted: Wanted, bytes: &[u8]) -> Unreadable {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    let der = elements(bytes).and_then(|elements| Kind::of_der(elements[0]));
    let (blocks, is_pem_cut_off) = blocks(text);
    // Parameters stand in front of the key that they belong to.
    let other = blocks.iter().find(|block| block.kind() != Kind::Parameters);
    let other = other.or(blocks.first());
    let (found, remedy) = if text.is_empty() {
        ("empty", "copy or download the file again")
    } else if is_utf16(bytes) {
        ("UTF-16 text", FROM_UTF_16)
    } else if is_key_store(bytes) {
        KEY_STORE
    } else if let Some(kind) = der {
        (kind.words(), remedy(wanted, kind))
    } else if is_cut_off(bytes) || is_pem_cut_off {
        ("cut off", COPY_AGAIN)
    } else if let Some(block) = other {
        match block.is_encrypted() {
            true => (Kind::EncryptedKey.words(), remedy(wanted, Kind::EncryptedKey)),
            false => (block.kind().words(), remedy(wanted, block.kind())),
        }
    } else {
        of_text(text)
    };
    unreadable(wanted, found, remedy)
}

type FoundAndRemedy = (&'static str, &'static str);

const JSON: FoundAndRemedy = ("JSON", "extract the PEM in it, as with `jq -r .NAME FILE > NEW`");

const KEY_STORE: FoundAndRemedy = (
    "a Java key store",
    "convert it with `keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 -deststoretype pkcs12`, and then \
     extract PEM with `openssl pkcs12 -in NEW.p12`",
);

fn of_text(text: &str) -> FoundAndRemedy {
    if is_json(text) {
        JSON
    } else if is_html(text) {
        ("an HTML page", WEB_PAGE)
    } else if text.starts_with("pkcs11:") {
        ("a PKCS#11 URI", "give a file")
    } else if ["ssh-", "ecdsa-sha2-"].iter().any(|start| text.starts_with(start)) {
        ("an OpenSSH public key", "give a file in PEM")
    } else if text.contains("BEGIN ") || text.contains("END ") {
        (
            "PEM without the five dashes before and after BEGIN and END",
            "replace the dashes by ASCII hyphens, or copy the file again as it is",
        )
    } else {
        ("neither PEM nor DER", "")
    }
}

fn remedy(wanted: Wanted, kind: Kind) -> &'static str {
    match (wanted, kind) {
        (Wanted::Certificate, Kind::PrivateKey | Kind::EncryptedKey | Kind::OpenSshKey) => {
            "give the file of the certificate: the two files may be swapped"
        }
        (Wanted::PrivateKey, Kind::Certificate) => "give the file of the key: the two files may be swapped",
        (Wanted::Certificate, Kind::Request) => "give the certificate that a CA issued for the request",
        (Wanted::PrivateKey, Kind::Request) => "give the file of the key that the request was made with",
        (Wanted::Certificate, Kind::Pkcs7) => {
            "convert it with `openssl pkcs7 -print_certs -in FILE -out NEW` (DER: add `-inform DER`)"
        }
        (Wanted::PrivateKey, Kind::Pkcs7) => "it contains no key: give the file of the key",
        (Wanted::Certificate, Kind::Pkcs12) => {
            "extract the certificates with `openssl pkcs12 -in FILE -nokeys -out NEW`"
        }
        (Wanted::PrivateKey, Kind::Pkcs12) => "extract the key with `openssl pkcs12 -in FILE -nocerts -nodes -out NEW`",
        (Wanted::PrivateKey, Kind::EncryptedKey) => "decrypt it with `openssl pkey -in FILE -out NEW`",
        (Wanted::PrivateKey, Kind::PublicKey) => "give the file of the private key",
        (Wanted::PrivateKey, Kind::OpenSshKey) => "convert a copy of it with `ssh-keygen -p -m PKCS8 -f COPY`",
        (Wanted::PrivateKey, Kind::Parameters) => "give the file that contains the key",
        _ => "",
    }
}

/// Whether decoded base64 is an input of its own.
pub(super) fn is_input(bytes: &[u8]) -> bool {
    let begin = BEGIN.as_bytes();
    let is_known = |elements: Vec<&[u8]>| Kind::of_der(elements[0]).is_some();
    bytes.windows(begin.len()).any(|window| window == begin)
        || elements(bytes).is_some_and(is_known)
        || is_cut_off(bytes)
        || is_utf16(bytes)
        || is_key_store(bytes)
}

fn is_key_store(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4])
}

/// Whether `text` begins as JSON does.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '['])
}

pub(super) fn is_html(text: &str) -> bool {
    let start: String = text.chars().take(256).collect();
    let start = start.to_ascii_lowercase();
    start.contains("<html") || start.contains("<!doctype")
}

/// Whether `bytes` have the byte order mark of UTF-16, or every second byte of their beginning is zero.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(16)];
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).all(|&byte| byte == 0);
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || start.len() >= 4 && zeros(0) != zeros(1)
}
