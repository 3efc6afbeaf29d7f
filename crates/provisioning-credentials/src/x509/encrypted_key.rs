//! Private keys that are encrypted with a passphrase: PKCS#8 with PBES2.

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use provisioning_types::{InvalidInput, Secret};

use crate::x509::encoding::{invalid_key, is_pem};

/// The private key in DER that `key`, in PEM or DER, holds encrypted.
pub(super) fn decrypt(key: &[u8], passphrase: &Secret) -> Result<Secret, InvalidInput> {
    let document = if is_pem(key) {
        encrypted_pem(key)?
    } else {
        SecretDocument::try_from(key).map_err(|e| invalid_key(format!("PEM or DER ({e})")))?
    };
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|e| {
        invalid_key(format!(
            "a PKCS#8 key encrypted with PBES2, as a passphrase was given ({e})"
        ))
    })?;
    let key = encrypted
        .decrypt(passphrase.expose())
        .map_err(|_| invalid_key("a key that the passphrase opens"))?;
    Ok(Secret::new(key.as_bytes().to_vec()))
}

fn encrypted_pem(pem: &[u8]) -> Result<SecretDocument, InvalidInput> {
    let pem = std::str::from_utf8(pem).map_err(|_| invalid_key("PEM"))?;
    let (label, document) =
        SecretDocument::from_pem(pem).map_err(|e| invalid_key(format!("one well-formed PEM block ({e})")))?;
    match label {
        "ENCRYPTED PRIVATE KEY" => Ok(document),
        _ => Err(invalid_key("an encrypted PKCS#8 key, as a passphrase was given")),
    }
}
