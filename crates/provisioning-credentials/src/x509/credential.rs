//! A device's certificate chain and private key.

use std::{fmt, sync::Arc, time::SystemTime};

use provisioning_types::{ClientCertificate, InvalidInput, PrivateKey, RegistrationId, Secret, X509Signer};
use rustls_pki_types::PrivateKeyDer;
use x509_parser::prelude::{FromDer, X509Certificate};

#[cfg(feature = "encrypted-keys")]
use crate::x509::encrypted_key;
use crate::x509::{
    encoding::{self, invalid_certificate, invalid_key},
    validity,
};

/// A device certificate, the intermediates up to its CA, and the private key. Cheap to clone.
///
/// The TLS stack checks that the key belongs to the certificate, before any connection.
#[derive(Clone)]
pub struct X509Credential {
    certificate: ClientCertificate,
    common_name: Option<Arc<str>>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl X509Credential {
    /// Reads PEM: in `certificates` the device's certificate first, then its intermediates; in `key` one unencrypted
    /// PKCS#8, SEC1 (EC) or PKCS#1 (RSA) private key.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate` or `private key`, and what was expected.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidInput> {
        Self::from_der(encoding::pem_chain(certificates)?, encoding::pem_key(key)?)
    }

    /// Reads the contents of files. Each of the two may be PEM or DER; the key is not encrypted.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_bytes(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidInput> {
        Self::from_der(encoding::chain(certificates)?, encoding::plain_key(key)?)
    }

    /// Reads the contents of files, as [`from_bytes`](Self::from_bytes) does, with a key that is encrypted (PKCS#8 with
    /// PBES2) under `passphrase`.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and when the key is not encrypted or the passphrase does not open it.
    #[cfg(feature = "encrypted-keys")]
    pub fn from_bytes_encrypted(certificates: &[u8], key: &[u8], passphrase: &Secret) -> Result<Self, InvalidInput> {
        Self::from_der(encoding::chain(certificates)?, encrypted_key::decrypt(key, passphrase)?)
    }

    /// Takes DER: in `chain` the device's certificate first, then its intermediates; in `key` a PKCS#8, SEC1 or
    /// PKCS#1 private key.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate` or `private key`.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Secret) -> Result<Self, InvalidInput> {
        if PrivateKeyDer::try_from(key.expose()).is_err() {
            return Err(invalid_key("a PKCS#8, SEC1 or PKCS#1 key"));
        }
        Self::new(chain, PrivateKey::Der(key))
    }

    /// Reads a chain in PEM whose private key `signer` signs with.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate`. A key that does not belong to the certificate is found before the first
    /// connection.
    pub fn from_pem_with_signer(certificates: &[u8], signer: Arc<dyn X509Signer>) -> Result<Self, InvalidInput> {
        Self::from_der_with_signer(encoding::pem_chain(certificates)?, signer)
    }

    /// Takes a chain in DER whose private key `signer` signs with.
    ///
    /// # Errors
    /// As [`from_pem_with_signer`](Self::from_pem_with_signer).
    pub fn from_der_with_signer(chain: Vec<Vec<u8>>, signer: Arc<dyn X509Signer>) -> Result<Self, InvalidInput> {
        Self::new(chain, PrivateKey::External(signer))
    }

    fn new(chain: Vec<Vec<u8>>, key: PrivateKey) -> Result<Self, InvalidInput> {
        let Some(leaf) = chain.first() else {
            return Err(invalid_certificate("at least one certificate, the device's own first"));
        };
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| invalid_certificate("an X.509 certificate"))?;
        let common_name = leaf.subject().iter_common_name().find_map(|name| name.as_str().ok());
        Ok(Self {
            common_name: common_name.map(Arc::from),
            not_before: validity::not_before(&leaf),
            not_after: validity::not_after(&leaf),
            certificate: ClientCertificate::new(chain, key),
        })
    }

    /// The chain and the key, as a transport presents them.
    pub fn certificate(&self) -> &ClientCertificate {
        &self.certificate
    }

    /// The certificates in DER, the device's own first.
    pub fn chain(&self) -> &[Vec<u8>] {
        self.certificate.chain()
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        self.certificate.key()
    }

    /// The common name in the certificate's subject.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// From when the certificate is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when the certificate is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub(crate) fn registration_id(&self) -> Result<RegistrationId, InvalidInput> {
        let name = self
            .common_name()
            .ok_or_else(|| invalid_certificate("a common name in its subject: the registration id"))?;
        RegistrationId::new(name).map_err(|e| {
            invalid_certificate(format!("a registration id as its common name: {}", e.expected())).with_given(name)
        })
    }
}

impl fmt::Debug for X509Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Credential")
            .field("common_name", &self.common_name)
            .field("certificates", &self.chain().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pkcs8::SecretDocument;
    use rcgen::KeyPair;

    use super::*;
    use crate::{credential::Credential, testing::named};

    fn certificate_and_key(common_name: Option<&str>) -> (String, String) {
        let mut params = named(common_name);
        params.not_before = rcgen::date_time_ymd(1960, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn the_registration_id_is_the_common_name() {
        let (cert, key) = certificate_and_key(Some("device-1"));
        let x509 = X509Credential::from_pem(cert.as_bytes(), key.as_bytes()).expect("valid");
        assert_eq!(x509.common_name(), Some("device-1"));
        let id = Credential::from(x509).registration_id().expect("an id");
        assert_eq!(id.as_str(), "device-1");
    }

    #[test]
    fn a_certificate_without_a_usable_common_name_says_so() {
        for name in [None, Some("not a registration id")] {
            let (cert, key) = certificate_and_key(name);
            let x509 = X509Credential::from_pem(cert.as_bytes(), key.as_bytes()).expect("valid");
            let error = Credential::from(x509).registration_id().expect_err("no id");
            assert!(error.to_string().contains("common name"), "{error}");
        }
    }

    #[test]
    fn a_chain_keeps_its_order_and_dates_before_1970_are_read() {
        let (first, key) = certificate_and_key(Some("a"));
        let (second, _) = certificate_and_key(Some("b"));
        let both = format!("{first}{second}");
        let x509 = X509Credential::from_pem(both.as_bytes(), key.as_bytes()).expect("valid");
        assert_eq!(x509.chain().len(), 2);
        assert_eq!(x509.common_name(), Some("a"));
        assert_eq!(x509.certificate().chain(), x509.chain());
        assert!(x509.not_before() < SystemTime::UNIX_EPOCH);
        assert!(x509.not_after() > SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn each_kind_of_bad_pem_names_what_is_wrong() {
        let (cert, key) = certificate_and_key(Some("a"));
        let (cert, key) = (cert.as_bytes(), key.as_bytes());
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let cases: [(&[u8], &[u8], &str, &str); 6] = [
            (b"", key, "certificate", "at least one"),
            (key, key, "certificate", "at least one"),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                key,
                "certificate",
                "X.509",
            ),
            (cert, cert, "private key", "PEM block"),
            (cert, b"", "private key", "PEM block"),
            (cert, encrypted, "private key", "not encrypted"),
        ];
        for (cert, key, input, expected) in cases {
            let error = X509Credential::from_pem(cert, key).expect_err(expected);
            assert_eq!(error.input(), input);
            assert!(error.expected().contains(expected), "{error}");
            assert!(
                !error.expected().contains(['{', '[', '(']),
                "no text of a library: {error}"
            );
        }
    }

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_only() {
        let certificate = include_bytes!("../../tests/data/encrypted.pem");
        let key = include_bytes!("../../tests/data/encrypted.key");
        let open = |key: &[u8], passphrase: &[u8]| {
            X509Credential::from_bytes_encrypted(certificate, key, &Secret::new(passphrase.to_vec()))
        };
        let x509 = open(key, b"correct").expect("the passphrase opens it");
        assert_eq!(x509.common_name(), Some("encrypted-device"));
        let plain = certificate_and_key(Some("a")).1;
        for (key, passphrase, expected) in [
            (key.as_slice(), "wrong", "the passphrase opens"),
            (key, "", "the passphrase opens"),
            (plain.as_bytes(), "correct", "encrypted PKCS#8"),
            (b"", "correct", "PEM"),
        ] {
            let error = open(key, passphrase.as_bytes()).expect_err(expected);
            assert_eq!(error.input(), "private key");
            assert!(error.expected().contains(expected), "{error}");
            assert!(
                !error.expected().contains(['{', '[', '(']),
                "no text of a library: {error}"
            );
        }
    }

    fn der(pem: &[u8]) -> Vec<u8> {
        let (_, document) = SecretDocument::from_pem(std::str::from_utf8(pem).expect("text")).expect("PEM");
        document.as_bytes().to_vec()
    }

    #[test]
    fn certificates_and_key_may_each_be_pem_or_der() {
        let (first, key) = certificate_and_key(Some("a"));
        let (second, _) = certificate_and_key(Some("b"));
        let pem = format!("{first}{second}").into_bytes();
        let both = [der(first.as_bytes()), der(second.as_bytes())].concat();
        for certificates in [&pem, &both] {
            for key in [key.as_bytes(), &der(key.as_bytes())] {
                let x509 = X509Credential::from_bytes(certificates, key).expect("valid");
                assert_eq!((x509.chain().len(), x509.common_name()), (2, Some("a")));
                assert!(matches!(x509.key(), PrivateKey::Der(_)));
            }
        }
    }

    #[test]
    fn der_that_is_not_a_certificate_or_not_a_key_names_what_is_wrong() {
        let (cert, key) = certificate_and_key(Some("a"));
        let (cert, key) = (der(cert.as_bytes()), der(key.as_bytes()));
        let encrypted = der(include_bytes!("../../tests/data/encrypted.key"));
        let passphrase = Secret::new(b"correct".to_vec());
        let cut = cert[..cert.len() - 1].to_vec();
        type Case<'a> = (&'a [u8], &'a [u8], Option<&'a Secret>, &'a str, &'a str);
        let cases: [Case<'_>; 6] = [
            (b"", &key, None, "certificate", "at least one"),
            (&cut, &key, None, "certificate", "DER"),
            (&cert, b"\x30\x03", None, "private key", "PKCS#8"),
            (&cert, &encrypted, None, "private key", "its passphrase"),
            (&cert, &key, Some(&passphrase), "private key", "PBES2"),
            (&cert, b"", Some(&passphrase), "private key", "DER"),
        ];
        for (cert, key, passphrase, input, expected) in cases {
            let error = match passphrase {
                Some(passphrase) => X509Credential::from_bytes_encrypted(cert, key, passphrase),
                None => X509Credential::from_bytes(cert, key),
            }
            .expect_err(expected);
            assert_eq!(error.input(), input);
            assert!(error.expected().contains(expected), "{error}");
            assert!(
                !error.expected().contains(['{', '[', '(']),
                "no text of a library: {error}"
            );
        }
        X509Credential::from_bytes_encrypted(&cert, &encrypted, &passphrase).expect("the passphrase opens it");
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let (cert, key) = certificate_and_key(Some("device-1"));
        let x509 = X509Credential::from_pem(cert.as_bytes(), key.as_bytes()).expect("valid");
        assert_eq!(
            format!("{x509:?}"),
            r#"X509Credential { common_name: Some("device-1"), certificates: 1, .. }"#
        );
    }
}
