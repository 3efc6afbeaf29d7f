//! Text that must not be repeated in a message, whatever it was given as.

use base64::{Engine, engine::general_purpose::STANDARD_PAD_INDIFFERENT};

/// Parts of PEM, SAS tokens, connection strings and PEM in base64, in lower case.
const MARKS: [&str; 7] = [
    "-----begin",
    "private key-",
    "sharedaccesssignature",
    "sharedaccesskey=",
    "accountkey=",
    "&sig=",
    "ls0tls1crudjti",
];

/// The sizes of symmetric keys and of their signatures, in bytes.
const KEY_SIZES: [usize; 3] = [32, 48, 64];

/// Whether `text` is, or contains, PEM, a SAS token, a connection string, or a key in base64 or hexadecimal digits.
/// Messages do not repeat such text.
pub fn is_secret_text(text: &str) -> bool {
    let mut parts = text.split(|c: char| c.is_whitespace() || "\"',;:{}[]()&".contains(c));
    has_mark(text) || parts.any(|part| is_base64_key(part) || is_hex_key(part))
}

/// Whether `text` contains PEM, a SAS token or a connection string.
pub(crate) fn has_mark(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// Whether `text`, given as the name of a file that does not exist, is probably the contents of the file.
/// Messages do not repeat such text.
pub fn is_secret_instead_of_path(text: &str) -> bool {
    is_secret_text(text) || text.trim().ends_with('=')
}

fn is_base64_key(text: &str) -> bool {
    let standard = text.replace('-', "+").replace('_', "/");
    match STANDARD_PAD_INDIFFERENT.decode(standard) {
        // A private key in DER is a SEQUENCE of more than 127 bytes, or an Ed25519 key of 48 bytes.
        Ok(bytes) => {
            KEY_SIZES.contains(&bytes.len()) || bytes.starts_with(&[0x30, 0x81]) || bytes.starts_with(&[0x30, 0x82])
        }
        Err(_) => false,
    }
}

fn is_hex_key(text: &str) -> bool {
    KEY_SIZES.iter().any(|size| text.len() == 2 * size) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn pem_tokens_and_connection_strings_are_secret_texts() {
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        for text in [
            pem,
            &pem.replace('\n', "\\n"),
            &STANDARD.encode(pem),
            "SharedAccessSignature sr=a&sig=b&se=1",
            "sharedaccesssignature%20sr=a",
            "HostName=a;SharedAccessKeyName=b;SharedAccessKey=c",
            "sr=a&sig=b&se=1",
        ] {
            assert!(is_secret_text(text), "{text}");
        }
        for text in [
            "device-1",
            "0ne00A1B2C3",
            "/etc/dps/device.key",
            "global.azure-devices-provisioning.net",
            "",
        ] {
            assert!(!is_secret_text(text), "{text}");
        }
    }

    #[test]
    fn a_key_in_the_place_of_a_files_name_is_recognized_in_each_notation() {
        for size in KEY_SIZES {
            let key: Vec<u8> = (0..size)
                .map(|n| u8::try_from((n * 5 + 3) & 255).expect("a byte"))
                .collect();
            let hex: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
            for text in [STANDARD.encode(&key), URL_SAFE_NO_PAD.encode(&key), hex] {
                assert!(is_secret_instead_of_path(&text), "{text}");
                assert!(is_secret_instead_of_path(&format!(" {text}\n")), "{text}");
            }
        }
        assert!(is_secret_instead_of_path("c2VjcmV0Cg=="));
        let der = [&[0x30, 0x81, 0x87][..], &[7; 135]].concat();
        assert!(is_secret_instead_of_path(&STANDARD.encode(der)));
        for text in [
            "device.key",
            "/run/secrets/device-key",
            "./a/b",
            "C:\\keys\\device.pem",
            "key",
            "",
        ] {
            assert!(!is_secret_instead_of_path(text), "{text}");
        }
    }
}
