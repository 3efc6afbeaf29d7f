//! Reads and writes DER, without checking what it means.

use std::iter;

use x509_parser::asn1_rs::{Any, FromBer, Tag};

/// One element: its tag number, its contents, and all of its bytes.
pub(super) struct Element<'a> {
    pub(super) tag: u32,
    pub(super) contents: &'a [u8],
    pub(super) raw: &'a [u8],
}

impl Element<'_> {
    pub(super) fn is(&self, tag: Tag) -> bool {
        self.tag == tag.0
    }
}

/// The elements that follow each other in `bytes`, up to the first that is malformed. Lengths may be longer than
/// needed, as in BER.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    iter::from_fn(move || {
        let (rest, any) = Any::from_ber(bytes).ok()?;
        let (raw, _) = bytes.split_at(bytes.len() - rest.len());
        bytes = rest;
        Some(Element {
            tag: any.tag().0,
            contents: any.data,
            raw,
        })
    })
}

/// The elements inside the first element of `bytes`.
pub(super) fn inside(bytes: &[u8]) -> Option<impl Iterator<Item = Element<'_>>> {
    let outer = elements(bytes).next()?;
    Some(elements(outer.contents))
}

/// The bytes of a BIT STRING whose bits are whole bytes.
pub(super) fn bytes_of_bits<'a>(bit_string: &Element<'a>) -> Option<&'a [u8]> {
    match bit_string.contents {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

/// An integer without leading zeros.
pub(super) fn magnitude<'a>(integer: &Element<'a>) -> &'a [u8] {
    let start = integer.contents.iter().position(|byte| *byte != 0);
    start.map_or(&[], |start| &integer.contents[start..])
}

/// The element with this tag byte and these contents, of which there are less than 64 KiB.
pub(super) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [.., high, low] = contents.len().to_be_bytes();
    let length = match (high, low) {
        (0, ..128) => &[low][..],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, contents].concat()
}
