//! Short texts: what a peer sends before it is accepted does not fill the log.

use super::LogEntry;

/// The longest text, in bytes.
const LIMIT: usize = 1024;

impl LogEntry {
    /// This entry with texts of at most 1 KiB. A text that was cut says so.
    pub(crate) fn cut(self) -> Self {
        Self {
            registration_id: self.registration_id.map(cut),
            topic: self.topic.map(cut),
            reason: self.reason.map(cut),
            payload: self.payload.map(cut),
            ..self
        }
    }
}

pub(super) fn cut(text: String) -> String {
    if text.len() <= LIMIT {
        return text;
    }
    let end = (0..=LIMIT).rev().find(|end| text.is_char_boundary(*end));
    format!("{}… (cut, {} bytes)", &text[..end.unwrap_or_default()], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        let whole = "x".repeat(LIMIT);
        assert_eq!(cut(whole.clone()), whole);
        assert_eq!(cut(format!("{whole}y")), format!("{whole}… (cut, 1025 bytes)"));
        let wide = "ü".repeat(LIMIT);
        assert_eq!(
            cut(format!("x{wide}")),
            format!("x{}… (cut, 2049 bytes)", "ü".repeat(511))
        );
    }
}
