//! Finds PEM blocks in text: with a byte order mark, CRLF, indentation, other text around them, or on one line.
//!
//! The PEM readers of libraries work line by line, and print the lines that they do not expect: a private key on one
//! line became part of an error message.

use base64::{Engine, engine::general_purpose::STANDARD_PAD_INDIFFERENT};
use provisioning_types::Secret;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A block, not decoded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Such as `CERTIFICATE`.
    pub(super) label: &'a str,
    /// The text between the two lines with the label.
    body: &'a str,
}

/// Why a block is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// The two characters `\n` stand for the line breaks.
    EscapedLineBreaks,
    /// The body is not base64.
    NotBase64,
}

/// The blocks in `text`, and whether the last one is cut off.
pub(super) fn blocks(text: &str) -> (Vec<Block<'_>>, bool) {
    let mut blocks = vec![];
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((label, after)) = after.split_once(DASHES) else {
            return (blocks, true);
        };
        let label = label.trim();
        let end = format!("-----END {label}-----");
        // The end of this block precedes the beginning of the next one.
        let limit = after.find(BEGIN).unwrap_or(after.len());
        match after[..limit].find(&end) {
            Some(length) => {
                let body = &after[..length];
                blocks.push(Block { label, body });
                rest = &after[length + end.len()..];
            }
            None if limit < after.len() => rest = &after[limit..],
            None => return (blocks, true),
        }
    }
    (blocks, false)
}

impl Block<'_> {
    /// Whether the block is encrypted in the traditional format of OpenSSL, by its header.
    pub(super) fn is_encrypted_traditionally(&self) -> bool {
        self.body.contains("DEK-Info:") || self.body.contains("4,ENCRYPTED")
    }

    /// The bytes that the block contains. Lines of a header are skipped.
    pub(super) fn decode(&self) -> Result<Secret, Defect> {
        let mut base64 = Zeroizing::new(Vec::with_capacity(self.body.len()));
        for line in self.body.split(['\n', '\r']).filter(|line| !line.contains(':')) {
            base64.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        }
        match STANDARD_PAD_INDIFFERENT.decode(base64.as_slice()) {
            Ok(bytes) => Ok(Secret::new(bytes)),
            Err(_) if self.body.contains("\\n") => Err(Defect::EscapedLineBreaks),
            Err(_) => Err(Defect::NotBase64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "-----BEGIN A-----\nAQID\nBAUG\n-----END A-----\n";

    /// Labels and contents.
    fn read(text: &str) -> Vec<(&str, Result<Vec<u8>, Defect>)> {
        let (blocks, _) = blocks(text);
        let decoded = blocks
            .iter()
            .map(|block| (block.label, block.decode().map(|der| der.expose().to_vec())));
        decoded.collect()
    }

    #[test]
    fn a_block_is_found_however_its_lines_are_broken_indented_and_surrounded() {
        let expected = vec![("A", Ok(vec![1, 2, 3, 4, 5, 6]))];
        for text in [
            PLAIN.to_owned(),
            PLAIN.trim_end().to_owned(),
            PLAIN.replace('\n', "\r\n"),
            PLAIN.replace('\n', "\r"),
            PLAIN.replace('\n', ""),
            PLAIN.replace('\n', " "),
            PLAIN.replace('\n', "\n    "),
            PLAIN.replace('\n', "  \t\n\n"),
            format!("\u{feff}{PLAIN}"),
            format!("Bag Attributes\n    friendlyName: device\nsubject=CN = device\n{PLAIN}trailing text"),
            format!("key: \"{PLAIN}\""),
            PLAIN.replace("AQID", "Comment: a header\n\nAQID"),
        ] {
            assert_eq!(read(&text), expected, "{text}");
        }
    }

    #[test]
    fn blocks_stay_in_their_order_and_one_without_an_end_is_skipped() {
        let other = PLAIN.replace('A', "B");
        let both = format!("{PLAIN}{other}");
        let labels = |text| {
            read(text)
                .into_iter()
                .map(|(label, _)| label.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(labels(&both), ["A", "B"]);
        let without_end = PLAIN.replace("-----END A-----\n", "");
        assert_eq!(labels(&format!("{without_end}{other}")), ["B"]);
        assert!(blocks(&format!("{other}{without_end}")).1);
        assert_eq!(blocks("-----BEGIN A"), (vec![], true));
        assert_eq!(blocks("no block"), (vec![], false));
    }

    #[test]
    fn what_cannot_be_decoded_says_why() {
        let escaped = PLAIN.trim_end().replace('\n', "\\n");
        assert_eq!(read(&escaped), [("A", Err(Defect::EscapedLineBreaks))]);
        assert_eq!(read(&PLAIN.replace("AQID", "A*ID")), [("A", Err(Defect::NotBase64))]);
        let encrypted = PLAIN.replace("AQID", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID");
        assert!(blocks(&encrypted).0[0].is_encrypted_traditionally());
    }
}
