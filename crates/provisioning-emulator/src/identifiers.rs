//! Times, ids and etags in the service's format, and the rules for ids.

use std::{fmt::Write, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::ServerName;

/// The current time: UTC with seven fractional digits.
pub(crate) fn now() -> String {
    let nanos = humantime::format_rfc3339_nanos(SystemTime::now()).to_string();
    let digits = "2026-11-21T00:00:00.1234567".len();
    format!("{}Z", &nanos[..digits])
}

pub(crate) fn operation_id() -> String {
    format!("4.{:016x}.{}", fastrand::u64(..), uuid())
}

pub(crate) fn uuid() -> String {
    let (a, b) = (fastrand::u64(..), fastrand::u64(..));
    let (low, clock) = (a & 0xffff_ffff, (b >> 48) & 0x3fff | 0x8000);
    format!(
        "{:08x}-{:04x}-4{:03x}-{clock:04x}-{:012x}",
        low,
        (a >> 32) & 0xffff,
        (a >> 48) & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

/// The base64 of a quoted value.
pub(crate) fn etag() -> String {
    STANDARD.encode(format!("\"{}\"", uuid()))
}

/// Whether a certificate can be for this host, and a client verify it: a DNS name or an IP address.
pub(crate) fn is_host(text: &str) -> bool {
    ServerName::try_from(text).is_ok()
}

/// Bytes as the service writes thumbprints and serial numbers.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Whether this is a valid id scope: 1 to 64 letters, digits or `-`.
pub(crate) fn is_id_scope(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether this is a valid registration id: 1 to 128 letters, digits, `-`, `.`, `_` or `:`, not ending in the last three.
pub(crate) fn is_registration_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(fits) && !text.ends_with(['.', '_', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_seven_fractional_digits() {
        let now = now();
        assert_eq!(now.len(), "2020-04-10T05:24:22.4718526Z".len(), "{now}");
        assert!(now.ends_with('Z'));
    }

    #[test]
    fn operation_ids_and_tracking_ids_look_like_the_services() {
        let id = operation_id();
        let parts: Vec<&str> = id.splitn(3, '.').collect();
        assert_eq!((parts[0], parts[1].len()), ("4", 16), "{id}");
        let groups: Vec<usize> = uuid().split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
    }
}
