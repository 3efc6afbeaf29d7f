//! What an input is instead of what was expected, and how to convert it.

use base64::{Engine, engine::general_purpose::STANDARD_PAD_INDIFFERENT};
use provisioning_types::InvalidInput;

use super::{
    der::{elements, is_cut_off},
    json::path_of_text,
    kind::Kind,
    pem::{Defect, blocks},
    wanted::Wanted,
};

/// The error of an input without an item of the wanted kind.
pub(super) fn explain(wanted: Wanted, bytes: &[u8]) -> InvalidInput {
    match Form::of(wanted, bytes) {
        Some(form) => form.into_error(wanted),
        None if std::str::from_utf8(bytes).is_ok() => wanted.invalid().with_found("text without a PEM block"),
        None => wanted.invalid().with_found("neither PEM nor DER"),
    }
}

/// The error of an input of this kind.
pub(super) fn known(wanted: Wanted, kind: Kind) -> InvalidInput {
    Form::Known(kind).into_error(wanted)
}

/// The error of a PEM block that cannot be decoded.
pub(super) fn defective(wanted: Wanted, defect: Defect) -> InvalidInput {
    match defect {
        Defect::EscapedLineBreaks => Form::EscapedLineBreaks,
        Defect::NotBase64 => Form::NotBase64,
    }
    .into_error(wanted)
}

/// The error of a PEM block whose contents are not DER.
pub(super) fn no_der(wanted: Wanted, contents: &[u8]) -> InvalidInput {
    match is_cut_off(contents) {
        true => Form::CutOff.into_error(wanted),
        false => wanted.invalid().with_found("PEM whose contents are not DER"),
    }
}

/// What an input looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Empty,
    Utf16,
    EscapedLineBreaks,
    CutOff,
    NotBase64,
    OtherDashes,
    Html,
    /// JSON, and where in it the wanted PEM is.
    Json(Option<String>),
    KeyStore,
    Pkcs11Uri,
    OpenSshPublicKey,
    PemInBase64,
    Base64(Kind),
    Known(Kind),
}

impl Form {
    fn of(wanted: Wanted, bytes: &[u8]) -> Option<Self> {
        if bytes.trim_ascii().is_empty() {
            return Some(Self::Empty);
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || is_utf16_without_mark(bytes) {
            return Some(Self::Utf16);
        }
        if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce, 0xce, 0xce, 0xce]) {
            return Some(Self::KeyStore);
        }
        if let Some(kind) = elements(bytes).and_then(|elements| Kind::of_der(elements[0])) {
            return Some(Self::Known(kind));
        }
        if is_cut_off(bytes) {
            return Some(Self::CutOff);
        }
        Self::of_text(
            wanted,
            String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').trim(),
        )
    }

    fn of_text(wanted: Wanted, text: &str) -> Option<Self> {
        if text.starts_with(['{', '[']) {
            let is_wanted = |_: &str, text: &str| text.contains("-----BEGIN ") && text.contains(wanted.label());
            return Some(Self::Json(path_of_text(text, is_wanted)));
        }
        if let (blocks, is_cut_off) = blocks(text)
            && (is_cut_off || !blocks.is_empty())
        {
            let mut kinds = blocks.iter().map(|block| Kind::of_label(block.label));
            return Some(match kinds.find(|kind| *kind != Kind::Parameters) {
                _ if is_cut_off => Self::CutOff,
                Some(kind) => Self::Known(kind),
                None => Self::Known(Kind::Parameters),
            });
        }
        let lower = text.get(..256).unwrap_or(text).to_ascii_lowercase();
        if lower.contains("<html") || lower.contains("<!doctype") {
            Some(Self::Html)
        } else if lower.starts_with("pkcs11:") {
            Some(Self::Pkcs11Uri)
        } else if ["ssh-", "ecdsa-sha2-"].iter().any(|start| lower.starts_with(start)) {
            Some(Self::OpenSshPublicKey)
        } else if text.contains("BEGIN ") || text.contains("END ") {
            Some(Self::OtherDashes)
        } else {
            Self::of_base64(text)
        }
    }

    fn of_base64(text: &str) -> Option<Self> {
        let base64: String = text.split_whitespace().collect();
        let bytes = STANDARD_PAD_INDIFFERENT.decode(base64).ok()?;
        if bytes.starts_with(b"-----BEGIN ") {
            return Some(Self::PemInBase64);
        }
        if is_cut_off(&bytes) {
            return Some(Self::CutOff);
        }
        elements(&bytes)
            .and_then(|elements| Kind::of_der(elements[0]))
            .map(Self::Base64)
    }

    fn into_error(self, wanted: Wanted) -> InvalidInput {
        let invalid = wanted.invalid().with_found(self.words());
        match self.remedy(wanted) {
            Some(remedy) => invalid.with_remedy(remedy),
            None => invalid,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Empty => "empty",
            Self::Utf16 => "UTF-16 text",
            Self::EscapedLineBreaks => "PEM with the two characters \\n instead of line breaks",
            Self::CutOff => "cut off",
            Self::NotBase64 => "PEM whose contents are not base64",
            Self::OtherDashes => "PEM without the five dashes before and after BEGIN and END",
            Self::Html => "an HTML page",
            Self::Json(_) => "JSON",
            Self::KeyStore => "a Java key store",
            Self::Pkcs11Uri => "a PKCS#11 URI",
            Self::OpenSshPublicKey => "an OpenSSH public key",
            Self::PemInBase64 => "PEM in base64",
            Self::Base64(kind) => return format!("{} in base64 without the lines with BEGIN and END", kind.words()),
            Self::Known(kind) => kind.words(),
        }
        .to_owned()
    }

    /// What to do to get the wanted input.
    fn remedy(&self, wanted: Wanted) -> Option<String> {
        let text = match self {
            Self::Empty => "copy or download the file again",
            Self::Utf16 => "convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
            Self::EscapedLineBreaks => "convert it with `printf '%b' \"$(cat FILE)\" > NEW`",
            Self::CutOff | Self::NotBase64 => "copy the whole file again",
            Self::OtherDashes => "replace the dashes by ASCII hyphens, or copy the file again as it is",
            Self::Html => "a login or an error page was saved instead of the file: download it again",
            Self::Json(Some(path)) => return Some(format!("extract it with `jq -r '{path}' FILE > NEW`")),
            Self::Json(None) => "extract the PEM in it to a file of its own",
            Self::KeyStore => {
                "convert it with `keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 -deststoretype pkcs12`, \
                 and then extract PEM with `openssl pkcs12 -in NEW.p12`"
            }
            Self::Pkcs11Uri | Self::Known(Kind::TpmKey) | Self::Base64(Kind::TpmKey) => {
                "such a key signs through an `X509Signer` only"
            }
            Self::OpenSshPublicKey => "give the file of the private key",
            Self::PemInBase64 => "decode it with `base64 -d FILE > NEW`",
            Self::Base64(kind) if wanted.takes(*kind) => "decode it with `base64 -d FILE > NEW`",
            Self::Base64(kind) | Self::Known(kind) => remedy_of(*kind, wanted)?,
        };
        Some(text.to_owned())
    }
}

/// How to get the wanted input from a file of this kind.
fn remedy_of(kind: Kind, wanted: Wanted) -> Option<&'static str> {
    let is_key = wanted == Wanted::PrivateKey;
    Some(match kind {
        Kind::Certificate if is_key => "give the file of the key: the two files may be swapped",
        Kind::Certificate => "give the file of the request",
        Kind::PrivateKey | Kind::EncryptedKey | Kind::TraditionalEncryptedKey if wanted == Wanted::Certificate => {
            "give the file of the certificate: the two files may be swapped"
        }
        Kind::Request if is_key => "give the file of the key that the request was made with",
        Kind::Request => "give the certificate that a CA issued for the request",
        Kind::Pkcs7 if is_key => "it contains no key: give the file of the key",
        Kind::Pkcs7 => "convert it with `openssl pkcs7 -print_certs -in FILE -out NEW` (DER: add `-inform DER`)",
        Kind::Pkcs12 if is_key => "extract the key with `openssl pkcs12 -in FILE -nocerts -nodes -out NEW`",
        Kind::Pkcs12 => "extract the certificates with `openssl pkcs12 -in FILE -nokeys -out NEW`",
        Kind::PublicKey if is_key => "give the file of the private key",
        Kind::OpenSshKey if is_key => "convert a copy of it with `ssh-keygen -p -m PKCS8 -f COPY`",
        Kind::TraditionalEncryptedKey if is_key => {
            "convert it with `openssl pkcs8 -topk8 -v2 aes256 -in FILE -out NEW`"
        }
        Kind::Parameters if is_key => "give the file that contains the key",
        _ => return None,
    })
}

/// Whether every second byte of the beginning is zero, as in ASCII text in UTF-16.
fn is_utf16_without_mark(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(16)];
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).all(|&byte| byte == 0);
    start.len() >= 4 && zeros(0) != zeros(1)
}
