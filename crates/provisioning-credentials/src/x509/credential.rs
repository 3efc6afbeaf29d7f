//! A device's certificate chain and private key.

use std::{fmt, sync::Arc, time::SystemTime};

use provisioning_types::{ClientCertificate, InvalidInput, PrivateKey, RegistrationId, Secret, X509Signer};

use crate::{
    input::{contents, file::InputFile, wanted::Wanted},
    x509::{
        certificate::Certificate,
        common_name::common_name,
        defects::{self, CertificateDefect},
        private_key,
    },
};

/// The most certificates that a chain may have.
const MAX_CERTIFICATES: usize = 100;

/// A device certificate, the intermediates up to its CA, and the private key. Cheap to clone.
///
/// The TLS stack checks that the key belongs to the certificate, before any connection.
#[derive(Clone)]
pub struct X509Credential {
    certificate: ClientCertificate,
    common_name: Option<Arc<str>>,
    not_before: SystemTime,
    not_after: SystemTime,
    /// The files of the certificates and of the key, for errors.
    files: Option<Arc<[InputFile; 2]>>,
}

impl X509Credential {
    /// Reads PEM, or DER, as files contain it: in `certificates` the device's certificate first, then its intermediates;
    /// in `key` one unencrypted PKCS#8, SEC1 (EC) or PKCS#1 (RSA) private key. Either may contain other PEM blocks and
    /// other text too.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate` or `private key`, what was expected, and what it is instead.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidInput> {
        Self::from_der(chain(certificates)?, private_key::read(key, None)?)
    }

    /// Reads PEM or DER, as [`from_pem`](Self::from_pem) does, with a key that may be encrypted (PKCS#8 with PBES2) under
    /// `passphrase`.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and when the passphrase does not decrypt the key.
    #[cfg(feature = "encrypted-keys")]
    pub fn from_encrypted_pem(certificates: &[u8], key: &[u8], passphrase: &Secret) -> Result<Self, InvalidInput> {
        Self::from_der(chain(certificates)?, private_key::read(key, Some(passphrase))?)
    }

    /// Takes DER: in `chain` the device's certificate first, then its intermediates; in `key` a PKCS#8, SEC1 or
    /// PKCS#1 private key.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate` or `private key`.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Secret) -> Result<Self, InvalidInput> {
        Self::new(chain, PrivateKey::Der(private_key::checked(key)?))
    }

    /// Reads a chain in PEM or DER whose private key `signer` signs with.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate`. A key that does not belong to the certificate is found before the first
    /// connection.
    pub fn from_pem_with_signer(certificates: &[u8], signer: Arc<dyn X509Signer>) -> Result<Self, InvalidInput> {
        Self::from_der_with_signer(chain(certificates)?, signer)
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
            return Err(Wanted::Certificate.invalid());
        };
        if chain.len() > MAX_CERTIFICATES {
            let invalid = InvalidInput::new(
                Wanted::Certificate.input(),
                format!("at most {MAX_CERTIFICATES} certificates"),
            );
            return Err(invalid.with_found(format!("a chain of {}", chain.len())));
        }
        let unreadable = || {
            Wanted::Certificate
                .invalid()
                .with_found("a certificate that cannot be parsed")
        };
        let leaf = Certificate::from_der(leaf).ok_or_else(unreadable)?;
        Ok(Self {
            common_name: common_name(&leaf.subject).map(Arc::from),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
            certificate: ClientCertificate::new(chain, key),
            files: None,
        })
    }

    /// Names the files in errors.
    pub(crate) fn in_files(mut self, certificates: &InputFile, key: &InputFile) -> Self {
        self.files = Some(Arc::new([certificates.clone(), key.clone()]));
        self
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

    /// The properties of the chain for which servers reject it, as far as this device can detect them. Empty if there
    /// are none.
    pub fn defects(&self) -> Vec<CertificateDefect> {
        defects::of_chain(self.chain())
    }

    /// How many certificates are sent and which CA signed the last, such as `1 certificate is sent, the last one signed by
    /// "CA"`.
    pub fn chain_summary(&self) -> String {
        defects::sent(self.chain())
    }

    /// Adds the file to an error that names `certificate` or `private key`, if this credential was read from files.
    #[must_use]
    pub fn locate(&self, error: InvalidInput) -> InvalidInput {
        let Some([certificates, key]) = self.files.as_deref() else {
            return error;
        };
        match error.input() {
            "certificate" => error.found_in(certificates),
            "private key" => error.found_in(key),
            _ => error,
        }
    }

    pub(crate) fn registration_id(&self) -> Result<RegistrationId, InvalidInput> {
        let invalid = |expected: String| self.locate(InvalidInput::new(Wanted::Certificate.input(), expected));
        let name = self.common_name();
        let name = name.ok_or_else(|| invalid("a common name in its subject: the registration id".to_owned()))?;
        RegistrationId::new(name).map_err(|error| {
            let expected = format!("a registration id as its common name: {}", error.expected());
            invalid(expected).with_found(format!("for {name:?}"))
        })
    }
}

fn chain(certificates: &[u8]) -> Result<Vec<Vec<u8>>, InvalidInput> {
    contents::certificates(Wanted::Certificate, certificates)
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
    fn debug_does_not_show_the_key() {
        let (cert, key) = certificate_and_key(Some("device-1"));
        let x509 = X509Credential::from_pem(cert.as_bytes(), key.as_bytes()).expect("valid");
        assert_eq!(
            format!("{x509:?}"),
            r#"X509Credential { common_name: Some("device-1"), certificates: 1, .. }"#
        );
    }
}
