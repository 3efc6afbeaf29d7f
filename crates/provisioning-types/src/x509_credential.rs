//! Certificates of devices with their private keys, in all the forms in which they are kept.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroize;

use crate::{InvalidInput, RegistrationId, Secret, X509Signer};

/// A device certificate, the intermediates up to its CA, and the private key.
///
/// Whether the key fits the certificate is checked where the TLS stack is known, before any connection.
#[derive(Clone)]
pub struct X509Credential(Arc<Parts>);

/// The private key of a certificate.
#[derive(Clone)]
pub enum PrivateKey {
    /// Here, in DER: PKCS#8, SEC1 or PKCS#1.
    Der(Secret),
    /// Elsewhere, behind what signs with it.
    Elsewhere(Arc<dyn X509Signer>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Der(_) => "Der(…)",
            Self::Elsewhere(_) => "Elsewhere(…)",
        })
    }
}

struct Parts {
    chain: Vec<Vec<u8>>,
    key: PrivateKey,
    common_name: Option<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl X509Credential {
    /// Reads PEM: in `certificates` the device's certificate first, then its intermediates; in `key` one unencrypted
    /// PKCS#8, SEC1 (EC) or PKCS#1 (RSA) private key.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate` or `private key`, and what was found instead.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidInput> {
        Self::from_der(pem_chain(certificates)?, pem_key(key)?)
    }

    /// Reads what files hold, PEM or DER, the certificates and the key each by itself; with a `passphrase` the key is
    /// an encrypted PKCS#8 one that it opens.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and when the key is not encrypted or the passphrase does not open it.
    pub fn from_bytes(certificates: &[u8], key: &[u8], passphrase: Option<&Secret>) -> Result<Self, InvalidInput> {
        let chain = if is_pem(certificates) {
            pem_chain(certificates)?
        } else {
            der_chain(certificates)?
        };
        let key = match passphrase {
            Some(passphrase) => decrypt(key, passphrase)?,
            None if is_pem(key) => pem_key(key)?,
            None => der_key(key)?,
        };
        Self::from_der(chain, key)
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

    /// Takes a chain in PEM whose private key is elsewhere, and what signs with that.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate`. Whether the key fits shows in the handshake only.
    pub fn from_pem_with_signer(certificates: &[u8], signer: Arc<dyn X509Signer>) -> Result<Self, InvalidInput> {
        Self::from_der_with_signer(pem_chain(certificates)?, signer)
    }

    /// The same with a chain in DER.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate`.
    pub fn from_der_with_signer(chain: Vec<Vec<u8>>, signer: Arc<dyn X509Signer>) -> Result<Self, InvalidInput> {
        Self::new(chain, PrivateKey::Elsewhere(signer))
    }

    fn new(chain: Vec<Vec<u8>>, key: PrivateKey) -> Result<Self, InvalidInput> {
        let Some(leaf) = chain.first() else {
            return Err(invalid_certificate("at least one certificate, the device's own first"));
        };
        let (_, leaf) =
            X509Certificate::from_der(leaf).map_err(|e| invalid_certificate(format!("an X.509 certificate ({e})")))?;
        let common_name = leaf
            .subject()
            .iter_common_name()
            .find_map(|name| name.as_str().ok())
            .map(str::to_owned);
        let not_before = system_time(leaf.validity().not_before.timestamp());
        let not_after = system_time(leaf.validity().not_after.timestamp());
        Ok(Self(Arc::new(Parts {
            common_name,
            not_before,
            not_after,
            chain,
            key,
        })))
    }

    /// The certificates in DER, the device's own first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.0.chain
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.0.key
    }

    /// The common name in the certificate's subject.
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// From when the certificate is valid.
    pub fn not_before(&self) -> SystemTime {
        self.0.not_before
    }

    /// Until when the certificate is valid.
    pub fn not_after(&self) -> SystemTime {
        self.0.not_after
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
            .field("common_name", &self.0.common_name)
            .field("certificates", &self.0.chain.len())
            .finish_non_exhaustive()
    }
}

/// `seconds` since 1970, which a certificate may put before 1970 too.
pub(crate) fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn pem_chain(certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    CertificateDer::pem_slice_iter(certificates)
        .map(|der| der.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|e| invalid_certificate(format!("PEM ({e})")))
}

/// Certificates one behind the other.
fn der_chain(mut certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    let mut chain = vec![];
    while !certificates.is_empty() {
        let (rest, _) = X509Certificate::from_der(certificates)
            .map_err(|e| invalid_certificate(format!("PEM, or X.509 certificates in DER ({e})")))?;
        chain.push(certificates[..certificates.len() - rest.len()].to_vec());
        certificates = rest;
    }
    Ok(chain)
}

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, "-----BEGIN")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn pem_key(pem: &[u8]) -> Result<Secret, InvalidInput> {
    let mut key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| no_key(pem, &error))?;
    let secret = Secret::new(key.secret_der().to_vec());
    key.zeroize();
    Ok(secret)
}

fn der_key(der: &[u8]) -> Result<Secret, InvalidInput> {
    if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
        return Err(needs_passphrase());
    }
    Ok(Secret::new(der.to_vec()))
}

fn decrypt(key: &[u8], passphrase: &Secret) -> Result<Secret, InvalidInput> {
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

fn no_key(pem: &[u8], error: &pem::Error) -> InvalidInput {
    if contains(pem, "BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, "Proc-Type: 4,ENCRYPTED") {
        return needs_passphrase();
    }
    match error {
        pem::Error::NoItemsFound => invalid_key("a PEM block with a PKCS#8, SEC1 or PKCS#1 private key"),
        other => invalid_key(format!("well-formed PEM ({other})")),
    }
}

fn needs_passphrase() -> InvalidInput {
    invalid_key("a key that is not encrypted, or its passphrase")
}

fn invalid_certificate(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("certificate", expected)
}

fn invalid_key(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("private key", expected)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;
    use crate::Credential;

    fn certificate_and_key(common_name: Option<&str>) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
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
        }
    }

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_only() {
        let certificate = include_bytes!("../tests/data/encrypted.pem");
        let key = include_bytes!("../tests/data/encrypted.key");
        let open = |key: &[u8], passphrase: &[u8]| {
            X509Credential::from_bytes(certificate, key, Some(&Secret::new(passphrase.to_vec())))
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
        }
    }

    fn der(pem: &[u8]) -> Vec<u8> {
        let (_, document) = SecretDocument::from_pem(std::str::from_utf8(pem).expect("text")).expect("PEM");
        document.as_bytes().to_vec()
    }

    #[test]
    fn what_a_file_holds_may_be_pem_or_der_each_by_itself() {
        let (first, key) = certificate_and_key(Some("a"));
        let (second, _) = certificate_and_key(Some("b"));
        let pem = format!("{first}{second}").into_bytes();
        let both = [der(first.as_bytes()), der(second.as_bytes())].concat();
        for certificates in [&pem, &both] {
            for key in [key.as_bytes(), &der(key.as_bytes())] {
                let x509 = X509Credential::from_bytes(certificates, key, None).expect("valid");
                assert_eq!((x509.chain().len(), x509.common_name()), (2, Some("a")));
                assert!(matches!(x509.key(), PrivateKey::Der(_)));
            }
        }
    }

    #[test]
    fn der_that_is_no_certificate_or_no_key_names_what_is_wrong() {
        let (cert, key) = certificate_and_key(Some("a"));
        let (cert, key) = (der(cert.as_bytes()), der(key.as_bytes()));
        let encrypted = der(include_bytes!("../tests/data/encrypted.key"));
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
            let error = X509Credential::from_bytes(cert, key, passphrase).expect_err(expected);
            assert_eq!(error.input(), input);
            assert!(error.expected().contains(expected), "{error}");
        }
        X509Credential::from_bytes(&cert, &encrypted, Some(&passphrase)).expect("the passphrase opens it");
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
