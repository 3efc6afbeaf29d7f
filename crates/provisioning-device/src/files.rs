//! Credentials from files, which are read again for every connection: a renewed one needs no restart.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use provisioning_types::{Credential, InvalidInput, SasToken, Secret, SymmetricKey, X509Credential};

/// An X.509 credential from files, PEM or DER: in `certificates` the device's certificate and its intermediates, in
/// `key` its unencrypted private key (PKCS#8, SEC1 or PKCS#1).
///
/// # Errors
/// [`InvalidInput`] naming the file and what was expected of it.
pub fn x509_from_files(certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    let (certificates, key) = (certificates.into(), key.into());
    read_again(move || read_x509(&certificates, &key, None))
}

/// The same with a private key that is encrypted (PKCS#8), and the passphrase that opens it.
///
/// # Errors
/// As [`x509_from_files`], and when the key is not encrypted or the passphrase does not open it.
pub fn x509_from_encrypted_files(
    certificates: impl Into<PathBuf>,
    key: impl Into<PathBuf>,
    passphrase: Secret,
) -> Result<Credential, InvalidInput> {
    let (certificates, key) = (certificates.into(), key.into());
    read_again(move || read_x509(&certificates, &key, Some(&passphrase)))
}

/// The device's symmetric key from a file that holds it in base64, as the service shows it.
///
/// # Errors
/// As [`x509_from_files`].
pub fn symmetric_key_from_file(file: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    read_text_again("symmetric key", file.into(), |text| {
        SymmetricKey::from_base64(text).map(Credential::from)
    })
}

/// A SAS token that was made elsewhere, from the file that it is put into.
///
/// # Errors
/// As [`x509_from_files`].
pub fn sas_token_from_file(file: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    read_text_again("SAS token", file.into(), |text| {
        SasToken::new(text).map(Credential::from)
    })
}

/// The credential that `load` reads, now for the first time.
fn read_again(
    load: impl Fn() -> Result<Credential, InvalidInput> + Send + Sync + 'static,
) -> Result<Credential, InvalidInput> {
    load()?;
    Ok(Credential::Source(Arc::new(load)))
}

fn read_text_again(
    what: &'static str,
    file: PathBuf,
    parse: impl Fn(&str) -> Result<Credential, InvalidInput> + Send + Sync + 'static,
) -> Result<Credential, InvalidInput> {
    read_again(move || {
        let bytes = Secret::new(read(what, &file)?);
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| InvalidInput::new(what, "text in UTF-8"));
        text.and_then(&parse).map_err(|error| error.found_in(file.display()))
    })
}

fn read_x509(certificates: &Path, key: &Path, passphrase: Option<&Secret>) -> Result<Credential, InvalidInput> {
    let certificate_bytes = read("certificate", certificates)?;
    let key_bytes = Secret::new(read("private key", key)?);
    let x509 = X509Credential::from_bytes(&certificate_bytes, key_bytes.expose(), passphrase).map_err(|error| {
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
        let x509 = x509_from_files("no/such.pem", "no/such.key").expect_err("missing");
        let key = symmetric_key_from_file("no/such.b64").expect_err("missing");
        let token = sas_token_from_file("no/such.sas").expect_err("missing");
        for (error, beginning) in [
            (
                x509,
                "certificate in no/such.pem cannot be used: expected a readable file",
            ),
            (
                key,
                "symmetric key in no/such.b64 cannot be used: expected a readable file",
            ),
            (
                token,
                "SAS token in no/such.sas cannot be used: expected a readable file",
            ),
        ] {
            assert!(error.to_string().starts_with(beginning), "{error}");
        }
    }
}
