//! Credentials in files. The files are read again for every connection, so a renewed credential needs no restart.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use provisioning_types::{InvalidInput, Secret};

use crate::{credential::Credential, sas::SasToken, symmetric_key::SymmetricKey, x509::credential::X509Credential};

/// An X.509 credential in files, each PEM or DER: in `certificates` the device's certificate and its intermediates, in
/// `key` its unencrypted private key (PKCS#8, SEC1 or PKCS#1).
///
/// # Errors
/// [`InvalidInput`] naming the file and what was expected of it.
pub fn x509_from_files(certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    let (certificates, key) = (certificates.into(), key.into());
    read_again(move || read_x509(&certificates, &key, X509Credential::from_bytes))
}

/// An X.509 credential in files, as [`x509_from_files`], with a private key that is encrypted (PKCS#8 with PBES2) under
/// `passphrase`.
///
/// # Errors
/// As [`x509_from_files`], and when the key is not encrypted or the passphrase does not open it.
#[cfg(feature = "encrypted-keys")]
pub fn x509_from_encrypted_files(
    certificates: impl Into<PathBuf>,
    key: impl Into<PathBuf>,
    passphrase: Secret,
) -> Result<Credential, InvalidInput> {
    let (certificates, key) = (certificates.into(), key.into());
    read_again(move || {
        read_x509(&certificates, &key, |certificates, key| {
            X509Credential::from_bytes_encrypted(certificates, key, &passphrase)
        })
    })
}

/// The device's symmetric key in a file that contains it in base64, as the service shows it.
///
/// # Errors
/// As [`x509_from_files`].
pub fn symmetric_key_from_file(file: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    read_text_again("symmetric key", file.into(), |text| {
        SymmetricKey::from_base64(text).map(Credential::from)
    })
}

/// A SAS token that another program writes to a file.
///
/// # Errors
/// As [`x509_from_files`].
pub fn sas_token_from_file(file: impl Into<PathBuf>) -> Result<Credential, InvalidInput> {
    read_text_again("SAS token", file.into(), |text| {
        SasToken::new(text).map(Credential::from)
    })
}

/// A source that calls `load`. Calls it once here, to report errors at once.
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

fn read_x509(
    certificates: &Path,
    key: &Path,
    parse: impl Fn(&[u8], &[u8]) -> Result<X509Credential, InvalidInput>,
) -> Result<Credential, InvalidInput> {
    let certificate_bytes = read("certificate", certificates)?;
    let key_bytes = Secret::new(read("private key", key)?);
    let x509 = parse(&certificate_bytes, key_bytes.expose()).map_err(|error| {
        let file = if error.input() == "private key" {
            key
        } else {
            certificates
        };
        error.found_in(file.display())
    })?;
    Ok(x509.into())
}

/// The contents of `file`; `what` names them in the error.
pub(crate) fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, InvalidInput> {
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

    #[test]
    fn a_renewed_file_is_loaded_the_next_time_and_the_error_names_the_file_that_is_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (certificates, key, token) = (path("device.pem"), path("device.key"), path("device.sas"));
        std::fs::write(&certificates, include_bytes!("../tests/data/encrypted.pem")).expect("written");
        std::fs::write(&key, include_bytes!("../tests/data/encrypted.key")).expect("written");
        std::fs::write(&token, "SharedAccessSignature sr=a&sig=b&se=1\n").expect("written");

        let passphrase = Secret::new(b"correct".to_vec());
        let x509 = x509_from_encrypted_files(&certificates, &key, passphrase).expect("valid");
        assert!(matches!(x509.load(), Ok(Credential::X509(_))));
        let error = x509_from_files(&certificates, &key).expect_err("encrypted");
        assert_eq!(error.input(), format!("private key in {}", key.display()));
        std::fs::write(&certificates, "").expect("written");
        let error = x509.load().expect_err("no certificate");
        assert_eq!(error.input(), format!("certificate in {}", certificates.display()));

        let source = sas_token_from_file(&token).expect("valid");
        let renewed = "SharedAccessSignature sr=a&sig=b&se=2";
        std::fs::write(&token, renewed).expect("written");
        let Ok(Credential::SasToken(loaded)) = source.load() else {
            panic!("a token")
        };
        assert_eq!(Ok(loaded), SasToken::new(renewed));
    }
}
