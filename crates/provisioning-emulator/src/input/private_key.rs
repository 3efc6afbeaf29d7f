//! Private keys as the library takes them: PKCS#8, and of EC keys with the public key.

use rcgen::KeyPair;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, element, members};

/// The key pair of a private key in PKCS#8, SEC1 or PKCS#1, and of this public key, which EC keys may lack; `None` if
/// they do not belong together, or the library does not know their algorithm.
pub(crate) fn key_pair(private_key: &[u8], public_key: &SubjectPublicKeyInfo<'_>) -> Option<KeyPair> {
    let complete = KeyPair::try_from(private_key).ok();
    complete.or_else(|| KeyPair::try_from(to_pkcs8(private_key, public_key)?).ok())
}

fn to_pkcs8(private_key: &[u8], public_key: &SubjectPublicKeyInfo<'_>) -> Option<Vec<u8>> {
    // The certificate names the algorithm as PKCS#8 does.
    let (_, algorithm) = *members(public_key.raw)?.first()?;
    let key = match *members(private_key)?.as_slice() {
        [(INTEGER, _), (SEQUENCE, _), (OCTET_STRING, inner), ..] => match *members(inner)?.as_slice() {
            [_, (OCTET_STRING, scalar), ..] => sec1(scalar, public_key),
            _ => return None,
        },
        [(INTEGER, _), (OCTET_STRING, scalar), ..] => sec1(scalar, public_key),
        [(INTEGER, _), (INTEGER, _), ..] => private_key.to_vec(),
        _ => return None,
    };
    let algorithm = element(SEQUENCE, &[algorithm]);
    Some(element(
        SEQUENCE,
        &[&element(INTEGER, &[&[0]]), &algorithm, &element(OCTET_STRING, &[&key])],
    ))
}

/// An EC key with its public key (RFC 5915).
fn sec1(scalar: &[u8], public_key: &SubjectPublicKeyInfo<'_>) -> Vec<u8> {
    /// `[1]`
    const PUBLIC_KEY: u8 = 0xa1;
    let point = element(BIT_STRING, &[&[0], &public_key.subject_public_key.data]);
    element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[1]]),
            &element(OCTET_STRING, &[scalar]),
            &element(PUBLIC_KEY, &[&point]),
        ],
    )
}
