//! Text from the other end, made fit for an error message.

/// How much of it is shown.
pub(crate) const LIMIT: usize = 512;

/// The beginning of `bytes` on one line, without control characters: a hostile peer cannot steer a terminal or a log.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let (shown, more) = match bytes.get(..LIMIT) {
        Some(start) if bytes.len() > LIMIT => (start, "…"),
        _ => (bytes, ""),
    };
    let text = String::from_utf8_lossy(shown);
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ") + more
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, excerpt};

    #[test]
    fn an_excerpt_is_one_line_without_control_characters() {
        assert_eq!(excerpt(b"  <h1>No\r\n\t way</h1>\x1b[31m\0 "), "<h1>No way</h1> [31m");
        assert_eq!(excerpt(b"caf\xc3\xa9 \xff"), "café \u{fffd}");
        assert_eq!(excerpt(b" \n"), "");
    }

    #[test]
    fn an_excerpt_is_bounded_and_says_so() {
        assert_eq!(excerpt(&[b'a'; LIMIT]), "a".repeat(LIMIT));
        assert_eq!(excerpt(&[b'a'; LIMIT + 1]), "a".repeat(LIMIT) + "…");
    }
}
