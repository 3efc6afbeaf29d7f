//! Private keys that are encrypted with a passphrase: PKCS#8 with PBES2.

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use provisioning_types::{InvalidInput, Secret};

use crate::x509::encoding::{invalid_key, is_pem};

/// The private key in DER that `key`, in PEM or DER, holds encrypted.
pub(super) fn decrypt(key: &[u8], passphrase: &Secret) -> Result<Secret, InvalidInput> {
    let document = if is_pem(key) {
        encrypted_pem(key)?
    } else {
        SecretDocument::try_from(key).map_err(|_| invalid_key("PEM or DER"))?
    };
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|_| invalid_key("a PKCS#8 key encrypted with PBES2, as a passphrase was given"))?;
    let key = encrypted
        .decrypt(passphrase.expose())
        .map_err(|_| invalid_key("a key that the passphrase opens"))?;
    Ok(Secret::new(key.as_bytes().to_vec()))
}

fn encrypted_pem(pem: &[u8]) -> Result<SecretDocument, InvalidInput> {
    let pem = std::str::from_utf8(pem).ok();
    let block = pem.and_then(|pem| SecretDocument::from_pem(pem).ok());
    let (label, document) = block.ok_or_else(|| invalid_key("one well-formed PEM block"))?;
    match label {
        "ENCRYPTED PRIVATE KEY" => Ok(document),
        _ => Err(invalid_key("an encrypted PKCS#8 key, as a passphrase was given")),
    }
}
