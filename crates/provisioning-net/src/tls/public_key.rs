//! The public key of a certificate, read without checking the rest of the certificate, which the service checks.

use x509_parser::asn1_rs::Tag;

use super::der::{Element, bytes_of_bits, inside};

/// The tag of the version, which certificates of version 1 do not have.
const VERSION: u32 = 0;

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    /// The contents of its `AlgorithmIdentifier`.
    pub(super) algorithm: Vec<u8>,
    /// The bits of the key.
    pub(super) bits: Vec<u8>,
}

impl PublicKey {
    /// The key of a certificate in DER, of any version and with any extensions. `None` if the bytes are not one.
    pub(super) fn of_certificate(certificate: &[u8]) -> Option<Self> {
        let mut fields = inside(inside(certificate)?.next()?.raw)?.peekable();
        fields.next_if(|field| field.tag == VERSION);
        // Serial number, signature algorithm, issuer, validity and subject precede it.
        Self::of_info(fields.nth(5)?.raw)
    }

    /// The key of a `SubjectPublicKeyInfo` in DER
    /// ([RFC 5280, section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).
    pub(super) fn of_info(info: &[u8]) -> Option<Self> {
        let mut fields = inside(info)?;
        let algorithm = fields.next().filter(|field| field.is(Tag::Sequence))?.contents;
        let key = fields.next().filter(|field| field.is(Tag::BitString))?;
        Some(Self {
            algorithm: algorithm.to_vec(),
            bits: bytes_of_bits(&key)?.to_vec(),
        })
    }

    /// The key in a BIT STRING without its algorithm.
    pub(super) fn of_bits(bit_string: &Element<'_>) -> Option<Self> {
        Some(Self {
            algorithm: vec![],
            bits: bytes_of_bits(bit_string)?.to_vec(),
        })
    }

    /// Whether the key is a compressed EC point.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.bits[..], [2 | 3, ..]) && self.bits.len() % 2 == 1
    }

    /// Whether both are the same key. Its algorithm may be written in several ways, and an EC point may be compressed.
    pub(super) fn is_same_key(&self, other: &Self) -> bool {
        compressed(&self.bits) == compressed(&other.bits)
    }
}

/// How an uncompressed EC point begins.
const UNCOMPRESSED: u8 = 4;

/// The compressed form of an uncompressed EC point ([SEC 1, section 2.3.3](https://www.secg.org/sec1-v2.pdf)); anything
/// else as it is.
fn compressed(point: &[u8]) -> Vec<u8> {
    match point {
        [UNCOMPRESSED, coordinates @ ..] if coordinates.len() % 2 == 0 => {
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            let parity = y.last().map_or(0, |last| last & 1);
            [&[2 + parity][..], x].concat()
        }
        other => other.to_vec(),
    }
}
