//! Certificates and keys in the forms in which people have them: PEM, DER and base64, in files, text and memory.

mod der;
mod explain;
mod file;
mod kind;
mod message;
mod pem;
mod private_key;
mod symmetric;

use std::borrow::Cow;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

pub(crate) use explain::Unreadable;
pub(crate) use file::{read_file, read_opened};
pub(crate) use message::without_text;
pub(crate) use private_key::key_pair;
pub(crate) use symmetric::symmetric_key;

use self::{der::elements, kind::Kind};

/// What an input is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Certificate,
    PrivateKey,
}

impl Wanted {
    fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Certificate => kind == Kind::Certificate,
            Self::PrivateKey => kind == Kind::PrivateKey,
        }
    }
}

/// The certificates in `bytes`, in their order: at least one.
pub(crate) fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unreadable> {
    let found = find(Wanted::Certificate, bytes)?;
    match found.iter().all(|der| X509Certificate::from_der(der).is_ok()) {
        true => Ok(found.into_iter().map(CertificateDer::from).collect()),
        false => Err(Unreadable::damaged_certificate()),
    }
}

/// The first private key in `bytes`: PKCS#8, SEC1 or PKCS#1, in DER.
pub(crate) fn private_key(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    Ok(find(Wanted::PrivateKey, bytes)?.swap_remove(0))
}

/// `bytes` as text, without a byte order mark.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|_| explain::not_text(bytes))
}

/// Everything of the wanted kind, in DER: at least one.
fn find(wanted: Wanted, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
    let bytes = without_base64(bytes);
    // Text around PEM may be in any encoding.
    let text = String::from_utf8_lossy(&bytes);
    let (blocks, _) = pem::blocks(&text);
    let found: Vec<_> = if blocks.is_empty() {
        let all = elements(&bytes).unwrap_or_default();
        let is_wanted = |der: &&[u8]| Kind::of_der(der).is_some_and(|kind| wanted.takes(kind));
        match all.iter().all(is_wanted) {
            true => all.into_iter().map(<[u8]>::to_vec).collect(),
            false => vec![],
        }
    } else {
        let of_kind = blocks
            .iter()
            .filter(|block| wanted.takes(block.kind()) && !block.is_encrypted());
        of_kind
            .map(|block| block.decode().ok_or_else(|| explain::defective(wanted, &text, block)))
            .collect::<Result<_, _>>()?
    };
    match found.is_empty() {
        true => Err(explain::explain(wanted, &bytes)),
        false => Ok(found),
    }
}

/// What `bytes` are base64 of, else `bytes`.
fn without_base64(bytes: &[u8]) -> Cow<'_, [u8]> {
    let decoded = std::str::from_utf8(bytes).ok().and_then(pem::decode_base64);
    match decoded {
        Some(decoded) if explain::is_input(&decoded) => Cow::Owned(decoded),
        _ => Cow::Borrowed(bytes),
    }
}
