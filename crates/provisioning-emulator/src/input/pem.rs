//! PEM blocks in text as people have it. The readers of libraries work line by line, and their errors repeat lines.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{der::first_sequence, kind::Kind};

pub(super) const BEGIN: &str = "-----BEGIN ";

/// A block, not decoded yet.
pub(super) struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

/// The blocks in `text`, and whether the last one is cut off.
pub(super) fn blocks(text: &str) -> (Vec<Block<'_>>, bool) {
    let (mut blocks, mut is_cut_off) = (vec![], false);
    for part in text.split(BEGIN).skip(1) {
        let block = part.split_once("-----").and_then(|(label, rest)| {
            let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
            Some(Block { label, body })
        });
        is_cut_off = block.is_none();
        blocks.extend(block);
    }
    (blocks, is_cut_off)
}

impl Block<'_> {
    pub(super) fn kind(&self) -> Kind {
        Kind::of_label(self.label.trim())
    }

    /// Whether it is encrypted in the traditional format of OpenSSL.
    pub(super) fn is_encrypted(&self) -> bool {
        self.body.contains("DEK-Info:") || self.body.contains("4,ENCRYPTED")
    }

    /// Whether the two characters `\n` stand for its line breaks.
    pub(super) fn has_escaped_line_breaks(&self) -> bool {
        self.body.contains("\\n")
    }

    /// The DER in it. Lines of a header are skipped.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        let bytes = self.bytes()?;
        first_sequence(&bytes).map(<[u8]>::to_vec)
    }

    /// The bytes in it, DER or not.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let lines = self.body.split(['\n', '\r']).filter(|line| !line.contains(':'));
        decode_base64(&lines.collect::<Vec<_>>().concat())
    }
}

/// Decodes base64 with white space in it, with padding or without.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64: String = text.trim_start_matches('\u{feff}').split_whitespace().collect();
    GeneralPurpose::new(&STANDARD, config).decode(base64).ok()
}
