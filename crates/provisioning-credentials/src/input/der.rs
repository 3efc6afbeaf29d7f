//! Cutting bytes into DER elements.

use x509_parser::asn1_rs::{Any, FromDer};

/// The first DER element of `bytes`, and what follows it; `None` if `bytes` do not begin with a SEQUENCE, which every
/// certificate, key and request is.
pub(crate) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, element) = Any::from_der(bytes).ok()?;
    let length = bytes.len() - rest.len();
    (element.tag().0 == 0x10).then(|| bytes.split_at(length))
}

/// The elements of `bytes`, which may end with line breaks; `None` if there is anything else.
pub(crate) fn elements(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut elements = vec![];
    while elements.is_empty() || !bytes.trim_ascii_start().is_empty() {
        let (element, rest) = split_first(bytes)?;
        elements.push(element);
        bytes = rest;
    }
    Some(elements)
}

/// Whether `bytes` are the beginning of a DER element that is longer.
pub(crate) fn is_cut_off(bytes: &[u8]) -> bool {
    let length = match bytes {
        [0x30, 0x81, length, ..] => 3 + usize::from(*length),
        [0x30, 0x82, high, low, ..] => 4 + (usize::from(*high) << 8 | usize::from(*low)),
        _ => return false,
    };
    bytes.len() < length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_at_their_lengths_and_line_breaks_at_the_end_are_ignored() {
        let (one, other) = (&[0x30, 1, 7][..], &[0x30, 0][..]);
        let both = [one, other, b"\r\n"].concat();
        assert_eq!(elements(&both), Some(vec![one, other]));
        assert_eq!(elements(one), Some(vec![one]));
        for bytes in [&b""[..], b"\n", &[0x30, 2, 7], &[0x31, 0], &[0x30, 0, 1]] {
            assert_eq!(elements(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn an_element_that_is_longer_than_its_bytes_is_cut_off() {
        assert!(is_cut_off(&[0x30, 0x82, 1, 0, 5]));
        assert!(is_cut_off(&[0x30, 0x81, 200, 5]));
        assert!(!is_cut_off(&[0x30, 0x81, 1, 5]));
        assert!(!is_cut_off(b"text"));
    }
}
