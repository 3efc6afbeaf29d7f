//! The certificates, the private key or the signing request in an input, PEM or DER.

use provisioning_types::{InvalidInput, Secret};
use zeroize::Zeroizing;

use super::{
    der::{elements, split_first},
    explain::{defective, explain, known, no_der},
    kind::Kind,
    pem::{Block, blocks},
    wanted::Wanted,
};

/// A private key in DER, as it was found.
pub(crate) enum FoundKey {
    /// PKCS#8, SEC1 or PKCS#1.
    Plain(Secret),
    /// Encrypted PKCS#8.
    Encrypted(Secret),
}

/// The certificates in `bytes`, in their order, each in DER.
pub(crate) fn certificates(wanted: Wanted, bytes: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    let found = find(wanted, bytes)?;
    Ok(found.into_iter().map(|(_, der)| der.expose().to_vec()).collect())
}

/// The first private key in `bytes`.
pub(crate) fn private_key(bytes: &[u8]) -> Result<FoundKey, InvalidInput> {
    let found = find(Wanted::PrivateKey, bytes)?.into_iter().next();
    match found.ok_or_else(|| explain(Wanted::PrivateKey, bytes))? {
        (Kind::EncryptedKey, der) => Ok(FoundKey::Encrypted(der)),
        (_, der) => Ok(FoundKey::Plain(der)),
    }
}

/// The first signing request in `bytes`, in DER.
pub(crate) fn signing_request(bytes: &[u8]) -> Result<Vec<u8>, InvalidInput> {
    let found = find(Wanted::Request, bytes)?.into_iter().next();
    let (_, der) = found.ok_or_else(|| explain(Wanted::Request, bytes))?;
    Ok(der.expose().to_vec())
}

/// All items of the wanted kind, at least one.
fn find(wanted: Wanted, bytes: &[u8]) -> Result<Vec<(Kind, Secret)>, InvalidInput> {
    // Text around PEM may be in any encoding.
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    let (blocks, _) = blocks(&text);
    // In JSON, the line breaks of PEM are escaped.
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let found = match blocks.is_empty() {
        true => elements_of(wanted, bytes),
        false if is_json => vec![],
        false => blocks
            .iter()
            .filter(|block| wanted.takes(Kind::of_label(block.label)))
            .map(|block| decode(wanted, block))
            .collect::<Result<_, _>>()?,
    };
    if found.is_empty() {
        return Err(explain(wanted, bytes));
    }
    Ok(found)
}

/// The DER elements, if all are of the wanted kind.
fn elements_of(wanted: Wanted, bytes: &[u8]) -> Vec<(Kind, Secret)> {
    let elements = elements(bytes).unwrap_or_default();
    let known: Option<Vec<_>> = elements
        .into_iter()
        .map(|der| {
            Some((
                Kind::of_der(der).filter(|kind| wanted.takes(*kind))?,
                Secret::new(der.to_vec()),
            ))
        })
        .collect();
    known.unwrap_or_default()
}

fn decode(wanted: Wanted, block: &Block<'_>) -> Result<(Kind, Secret), InvalidInput> {
    if block.is_encrypted_traditionally() {
        return Err(known(wanted, Kind::TraditionalEncryptedKey));
    }
    let der = block.decode().map_err(|defect| defective(wanted, defect))?;
    // OpenSSL's trust settings follow a TRUSTED CERTIFICATE.
    let (element, _) = split_first(der.expose()).ok_or_else(|| no_der(wanted, der.expose()))?;
    Ok((Kind::of_label(block.label), Secret::new(element.to_vec())))
}
