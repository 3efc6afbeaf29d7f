//! A private key in DER, from PEM or DER, encrypted or not.

use provisioning_types::{InvalidInput, Secret};
use rustls_pki_types::PrivateKeyDer;

use crate::input::{
    contents::{self, FoundKey},
    wanted::Wanted,
};

/// The private key in `bytes`: PKCS#8, SEC1 or PKCS#1 in DER. The passphrase is used if the key is encrypted.
pub(crate) fn read(bytes: &[u8], passphrase: Option<&Secret>) -> Result<Secret, InvalidInput> {
    match (contents::private_key(bytes)?, passphrase) {
        (FoundKey::Plain(key), _) => checked(key),
        (FoundKey::Encrypted(key), Some(passphrase)) => decrypt(key.expose(), passphrase),
        (FoundKey::Encrypted(_), None) => {
            let invalid = InvalidInput::new(
                Wanted::PrivateKey.input(),
                "its passphrase, or a key that is not encrypted",
            );
            let remedy = "give the passphrase (`--key-passphrase-file`, `x509_from_encrypted_files`)";
            Err(invalid.with_found("an encrypted private key").with_remedy(remedy))
        }
    }
}

/// Checks that the key has one of the three forms.
pub(super) fn checked(key: Secret) -> Result<Secret, InvalidInput> {
    match PrivateKeyDer::try_from(key.expose()) {
        Ok(_) => Ok(key),
        Err(_) => Err(Wanted::PrivateKey.invalid()),
    }
}

#[cfg(not(feature = "encrypted-keys"))]
fn decrypt(_: &[u8], _: &Secret) -> Result<Secret, InvalidInput> {
    let invalid = InvalidInput::new(Wanted::PrivateKey.input(), "a key that is not encrypted");
    let invalid = invalid.with_found("an encrypted private key, and this build decrypts none");
    Err(invalid.with_remedy("enable the feature `encrypted-keys`, or decrypt it with `openssl pkey -in FILE -out NEW`"))
}

/// Decrypts PKCS#8 with PBES2.
#[cfg(feature = "encrypted-keys")]
fn decrypt(key: &[u8], passphrase: &Secret) -> Result<Secret, InvalidInput> {
    use pkcs8::{EncryptedPrivateKeyInfoRef, Error, PrivateKeyInfoRef, pkcs5};

    let encrypted = EncryptedPrivateKeyInfoRef::try_from(key).map_err(|_| other_encryption())?;
    let scheme = encrypted.encryption_algorithm.pbes2().ok_or_else(other_encryption)?;
    if !is_affordable(&scheme.kdf) {
        return Err(encrypted_otherwise(
            "with a key derivation that needs more time or memory than a device has",
        ));
    }
    let key = encrypted.decrypt(passphrase.expose()).map_err(|error| match error {
        Error::EncryptedPrivateKey(pkcs5::Error::UnsupportedAlgorithm { .. }) => other_encryption(),
        _ => wrong_passphrase(),
    })?;
    // One wrong passphrase in 256 decrypts to bytes with a correct end.
    PrivateKeyInfoRef::try_from(key.as_bytes()).map_err(|_| wrong_passphrase())?;
    Ok(Secret::new(key.as_bytes().to_vec()))
}

/// Whether the key derivation ends within seconds: PBKDF2 with at most 2 million iterations, or scrypt with at most
/// 256 MiB.
#[cfg(feature = "encrypted-keys")]
fn is_affordable(kdf: &pkcs8::pkcs5::pbes2::Kdf) -> bool {
    use pkcs8::pkcs5::pbes2::Kdf;

    match kdf {
        Kdf::Pbkdf2(params) => params.iteration_count <= 2_000_000,
        Kdf::Scrypt(params) => {
            let cost: u64 = params.cost_parameter;
            let memory = cost.saturating_mul(128 * u64::from(params.block_size));
            memory.saturating_mul(params.parallelization.into()) <= 256 * 1024 * 1024
        }
        _ => false,
    }
}

#[cfg(feature = "encrypted-keys")]
fn other_encryption() -> InvalidInput {
    encrypted_otherwise("in a way that this build does not decrypt")
}

#[cfg(feature = "encrypted-keys")]
fn encrypted_otherwise(how: &str) -> InvalidInput {
    let expected = "an encrypted key in PKCS#8 with PBES2: PBKDF2 or scrypt, and AES or triple DES";
    InvalidInput::new(Wanted::PrivateKey.input(), expected)
        .with_found(format!("a private key that is encrypted {how}"))
        .with_remedy("convert it with `openssl pkcs8 -topk8 -v2 aes256 -in FILE -out NEW`")
}

#[cfg(feature = "encrypted-keys")]
fn wrong_passphrase() -> InvalidInput {
    InvalidInput::new(Wanted::PrivateKey.input(), "a key that the passphrase decrypts")
        .with_remedy("the key is intact: check the passphrase")
}
