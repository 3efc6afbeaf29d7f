//! Credentials in files. The files are read again for every connection, so a renewed credential needs no restart.

use provisioning_types::{InvalidInput, Latest, Secret};

use crate::{
    credential::Credential,
    input::{file::InputFile, text, wanted::Wanted},
    sas::SasToken,
    symmetric_key::SymmetricKey,
    x509::credential::X509Credential,
};

const TOKEN: &str = "SAS token";

impl Credential {
    /// An X.509 credential in files, each PEM or DER: in `certificates` the device's certificate and its intermediates,
    /// in `key` its unencrypted private key (PKCS#8, SEC1 or PKCS#1).
    ///
    /// # Errors
    /// [`InvalidInput`] naming the file and what was expected of it.
    pub fn x509_from_files(
        certificates: impl Into<InputFile>,
        key: impl Into<InputFile>,
    ) -> Result<Self, InvalidInput> {
        let files = X509Files::new(certificates.into(), key.into(), X509Credential::from_pem);
        read_again(move || files.load())
    }

    /// An X.509 credential in files, as [`x509_from_files`](Self::x509_from_files), with a private key that is
    /// encrypted (PKCS#8 with PBES2) under `passphrase`.
    ///
    /// # Errors
    /// As [`x509_from_files`](Self::x509_from_files), and when the key is not encrypted or the passphrase does not open
    /// it.
    #[cfg(feature = "encrypted-keys")]
    pub fn x509_from_encrypted_files(
        certificates: impl Into<InputFile>,
        key: impl Into<InputFile>,
        passphrase: Secret,
    ) -> Result<Self, InvalidInput> {
        let decrypt =
            move |certificates: &[u8], key: &[u8]| X509Credential::from_encrypted_pem(certificates, key, &passphrase);
        let files = X509Files::new(certificates.into(), key.into(), decrypt);
        read_again(move || files.load())
    }

    /// The device's symmetric key in a file that contains it in base64, as the service shows it.
    ///
    /// # Errors
    /// As [`x509_from_files`](Self::x509_from_files).
    pub fn symmetric_key_from_file(file: impl Into<InputFile>) -> Result<Self, InvalidInput> {
        let file = file.into();
        read_again(move || SymmetricKey::from_file(file.clone()).map(Self::from))
    }

    /// A SAS token that another program writes to a file.
    ///
    /// # Errors
    /// As [`x509_from_files`](Self::x509_from_files).
    pub fn sas_token_from_file(file: impl Into<InputFile>) -> Result<Self, InvalidInput> {
        let file = file.into();
        read_again(move || {
            file.parse(TOKEN, |bytes| SasToken::new(text::decode(TOKEN, bytes)?))
                .map(Self::from)
        })
    }
}

/// [`Credential::x509_from_files`].
///
/// # Errors
/// Those of that function.
pub fn x509_from_files(
    certificates: impl Into<InputFile>,
    key: impl Into<InputFile>,
) -> Result<Credential, InvalidInput> {
    Credential::x509_from_files(certificates, key)
}

/// [`Credential::x509_from_encrypted_files`].
///
/// # Errors
/// Those of that function.
#[cfg(feature = "encrypted-keys")]
pub fn x509_from_encrypted_files(
    certificates: impl Into<InputFile>,
    key: impl Into<InputFile>,
    passphrase: Secret,
) -> Result<Credential, InvalidInput> {
    Credential::x509_from_encrypted_files(certificates, key, passphrase)
}

/// [`Credential::symmetric_key_from_file`].
///
/// # Errors
/// Those of that function.
pub fn symmetric_key_from_file(file: impl Into<InputFile>) -> Result<Credential, InvalidInput> {
    Credential::symmetric_key_from_file(file)
}

/// [`Credential::sas_token_from_file`].
///
/// # Errors
/// Those of that function.
pub fn sas_token_from_file(file: impl Into<InputFile>) -> Result<Credential, InvalidInput> {
    Credential::sas_token_from_file(file)
}

/// A source that calls `load`. Calls it once here, to report errors at once.
fn read_again(
    load: impl Fn() -> Result<Credential, InvalidInput> + Send + Sync + 'static,
) -> Result<Credential, InvalidInput> {
    load()?;
    Ok(Credential::from_fn(move || Ok(load()?)))
}

/// The files of an X.509 credential, and what was read from them last.
struct X509Files<P> {
    certificates: InputFile,
    key: InputFile,
    parse: P,
    last: Latest<[Secret; 2], X509Credential>,
}

impl<P: Fn(&[u8], &[u8]) -> Result<X509Credential, InvalidInput>> X509Files<P> {
    fn new(certificates: InputFile, key: InputFile, parse: P) -> Self {
        let last = Latest::default();
        Self {
            certificates,
            key,
            parse,
            last,
        }
    }

    /// Reads the files. They are parsed again only if their contents have changed: to decrypt a key takes a second.
    fn load(&self) -> Result<Credential, InvalidInput> {
        let certificates = self.certificates.read(Wanted::Certificate.input())?;
        let contents = [certificates, self.key.read(Wanted::PrivateKey.input())?];
        let credential = self.last.get_or_make(contents, |[certificates, key]| {
            let parsed = (self.parse)(certificates.expose(), key.expose()).map_err(|error| {
                let is_of_key = error.input() == Wanted::PrivateKey.input();
                error.found_in(if is_of_key { &self.key } else { &self.certificates })
            })?;
            Ok::<_, InvalidInput>(parsed.in_files(&self.certificates, &self.key))
        })?;
        Ok(credential.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ready;

    #[test]
    fn a_missing_file_is_named_with_what_it_was_for() {
        let x509 = x509_from_files("no/such.pem", "no/such.key").expect_err("missing");
        let key = symmetric_key_from_file("no/such.b64").expect_err("missing");
        let token = sas_token_from_file("no/such.sas").expect_err("missing");
        let of_type = Credential::x509_from_files("no/such.pem", "no/such.key").expect_err("missing");
        assert_eq!(of_type, x509);
        let once = SymmetricKey::from_file("no/such.b64").expect_err("missing");
        assert_eq!(once, key);
        for (error, beginning) in [
            (
                x509,
                "certificate in no/such.pem cannot be used: expected a file that exists",
            ),
            (
                key,
                "symmetric key in no/such.b64 cannot be used: expected a file that exists",
            ),
            (
                token,
                "SAS token in no/such.sas cannot be used: expected a file that exists",
            ),
        ] {
            assert!(error.to_string().starts_with(beginning), "{error}");
        }
    }

    #[test]
    fn files_are_parsed_again_only_if_they_have_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("device.pem"), folder.path().join("device.key"));
        let write = |name: &str| {
            let pair = rcgen::KeyPair::generate().expect("a key");
            let made = crate::testing::named(Some(name))
                .self_signed(&pair)
                .expect("a certificate");
            std::fs::write(&certificate, made.pem()).expect("written");
            std::fs::write(&key, pair.serialize_pem()).expect("written");
        };
        let parsed = std::cell::Cell::new(0);
        let files = X509Files::new(
            certificate.clone().into(),
            key.clone().into(),
            |certificates: &[u8], key: &[u8]| {
                parsed.set(parsed.get() + 1);
                X509Credential::from_pem(certificates, key)
            },
        );
        for (name, times) in [("one", 1), ("another", 2)] {
            write(name);
            for _ in 0..3 {
                let credential = files.load().expect("valid");
                assert_eq!(credential.registration_id().expect("an id").as_str(), name);
                assert_eq!(parsed.get(), times);
            }
        }
    }

    #[test]
    fn a_common_name_that_is_no_registration_id_names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("device.pem"), folder.path().join("device.key"));
        for (name, expected) in [(None, "a common name"), (Some("not an id"), "it is for \"not an id\"")] {
            let pair = rcgen::KeyPair::generate().expect("a key");
            let made = crate::testing::named(name).self_signed(&pair).expect("a certificate");
            std::fs::write(&certificate, made.pem()).expect("written");
            std::fs::write(&key, pair.serialize_pem()).expect("written");
            let credential = x509_from_files(&certificate, &key).expect("valid");
            let error = credential.registration_id().expect_err("no id");
            assert_eq!(error.input(), format!("certificate in {}", certificate.display()));
            assert!(error.to_string().contains(expected), "{error}");
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
        let x509 = Credential::x509_from_encrypted_files(&certificates, &key, passphrase).expect("valid");
        assert!(matches!(ready(x509.load()), Ok(Credential::X509(_))));
        let error = Credential::x509_from_files(&certificates, &key).expect_err("encrypted");
        assert_eq!(error.input(), format!("private key in {}", key.display()));
        std::fs::write(&certificates, "").expect("written");
        let error = x509.load_if_ready().expect_err("no certificate");
        assert_eq!(error.input(), format!("certificate in {}", certificates.display()));

        std::fs::write(path("device.b64"), "a2V5\n").expect("written");
        let once = SymmetricKey::from_file(path("device.b64")).expect("valid");
        assert_eq!(once, SymmetricKey::from_base64("a2V5").expect("valid"));

        let source = Credential::sas_token_from_file(&token).expect("valid");
        let renewed = "SharedAccessSignature sr=a&sig=b&se=2";
        std::fs::write(&token, renewed).expect("written");
        let Ok(Credential::SasToken(loaded)) = ready(source.load()) else {
            panic!("a token")
        };
        assert_eq!(Ok(loaded), SasToken::new(renewed));
    }
}
