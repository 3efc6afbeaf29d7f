//! Bytes that are never printed, and wiped when they are no longer needed.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes: wiped on drop, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; they are not copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `None` if they are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new(b"abc".to_vec())), "Secret(…)");
    }

    #[test]
    fn only_utf_8_is_exposed_as_text() {
        assert_eq!(Secret::new("käse".into()).expose_str(), Some("käse"));
        assert_eq!(Secret::new(vec![b'k', 0xe4]).expose_str(), None);
    }
}
