//! Credentials from files.

use std::path::Path;

use provisioning_types::{Credential, InvalidInput, Secret, X509Credential};

/// Reads an X.509 credential from PEM files: in `certificates` the device's certificate and its intermediates, in `key`
/// its unencrypted private key (PKCS#8, SEC1 or PKCS#1).
///
/// # Errors
/// [`InvalidInput`] naming the file and what was expected of it.
pub fn x509_from_pem_files(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Credential, InvalidInput> {
    from_files(certificates.as_ref(), key.as_ref(), X509Credential::from_pem)
}

/// The same with a private key that is encrypted (PKCS#8), and the passphrase that opens it.
///
/// # Errors
/// As [`x509_from_pem_files`], and when the key is not encrypted or the passphrase does not open it.
pub fn x509_from_encrypted_pem_files(
    certificates: impl AsRef<Path>,
    key: impl AsRef<Path>,
    passphrase: &Secret,
) -> Result<Credential, InvalidInput> {
    from_files(certificates.as_ref(), key.as_ref(), |certificates, key| {
        X509Credential::from_encrypted_pem(certificates, key, passphrase)
    })
}

fn from_files(
    certificates: &Path,
    key: &Path,
    from_pem: impl FnOnce(&[u8], &[u8]) -> Result<X509Credential, InvalidInput>,
) -> Result<Credential, InvalidInput> {
    let certificate_pem = read("certificate", certificates)?;
    let key_pem = Secret::new(read("private key", key)?);
    let x509 = from_pem(&certificate_pem, key_pem.expose()).map_err(|error| {
        let file = if error.input() == "private key" {
            key
        } else {
            certificates
        };
        error.found_in(file.display())
    })?;
    Ok(x509.into())
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, InvalidInput> {
    std::fs::read(file)
        .map_err(|error| InvalidInput::new(what, format!("a readable file ({error})")).found_in(file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_what_it_was_for() {
        let error = x509_from_pem_files("no/such.pem", "no/such.key").expect_err("missing");
        let message = error.to_string();
        assert!(
            message.starts_with("certificate in no/such.pem cannot be used: expected a readable file"),
            "{message}"
        );
    }
}
