//! DER: cutting it into elements, and writing them.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// An element: its tag and its contents.
pub(super) type Element<'a> = (u8, &'a [u8]);

/// The tag and the length of the first element, and what follows them.
fn header(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    match first {
        0..=0x7f => Some((*tag, usize::from(*first), rest)),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            Some((*tag, length, rest))
        }
        _ => None,
    }
}

/// The first element, and what follows it.
fn split_first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, length, rest) = header(bytes)?;
    let (contents, rest) = rest.split_at_checked(length)?;
    Some(((tag, contents), rest))
}

/// The SEQUENCE at the beginning of `bytes`, with its tag. After a `TRUSTED CERTIFICATE` stand OpenSSL's trust settings.
pub(super) fn first_sequence(bytes: &[u8]) -> Option<&[u8]> {
    let ((tag, _), rest) = split_first(bytes)?;
    (tag == SEQUENCE).then(|| &bytes[..bytes.len() - rest.len()])
}

/// The SEQUENCEs that `bytes` are made of. They may end with line breaks; `None` if there is anything else.
pub(super) fn elements(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut elements = vec![];
    while elements.is_empty() || !bytes.trim_ascii_start().is_empty() {
        let element = first_sequence(bytes)?;
        elements.push(element);
        bytes = &bytes[element.len()..];
    }
    Some(elements)
}

/// The members of a SEQUENCE.
pub(super) fn members(sequence: &[u8]) -> Option<Vec<Element<'_>>> {
    let ((_, mut rest), _) = split_first(sequence)?;
    let mut members = vec![];
    while !rest.is_empty() {
        let (member, after) = split_first(rest)?;
        members.push(member);
        rest = after;
    }
    Some(members)
}

/// Whether `bytes` are the beginning of a SEQUENCE that is longer.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    // Text has no byte over 127 in second place.
    bytes.get(1).is_some_and(|first| *first >= 0x81)
        && header(bytes).is_some_and(|(tag, length, rest)| tag == SEQUENCE && rest.len() < length)
}

/// An element with these contents, which are shorter than 64 KiB.
pub(super) fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let [.., high, low] = contents.len().to_be_bytes();
    let length = match contents.len() {
        0..=0x7f => vec![low],
        0x80..=0xff => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), &contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_at_their_lengths_and_line_breaks_at_the_end_are_ignored() {
        let long = element(SEQUENCE, &[&[7; 300]]);
        let (one, other) = (&[0x30, 1, 7][..], &[0x30, 0][..]);
        let all = [one, other, &long, b"\r\n"].concat();
        assert_eq!(elements(&all), Some(vec![one, other, &long]));
        assert_eq!(members(&[0x30, 5, 2, 1, 7, 4, 0]), Some(vec![(2, &[7][..]), (4, &[])]));
        for bytes in [&b""[..], b"\n", &[0x30, 2, 7], &[0x31, 0], &[0x30, 0, 1]] {
            assert_eq!(elements(bytes), None, "{bytes:?}");
        }
        assert!(is_cut_off(&long[..200]) && !is_cut_off(&long) && !is_cut_off(b"0text"));
    }
}
