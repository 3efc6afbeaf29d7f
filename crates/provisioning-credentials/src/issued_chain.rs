//! The certificates that the service issued for a signing request, bounded and checked.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_types::{
    CsrDer, InvalidInput, RegistrationId, RegistrationRequest, RegistrationState, Secret, X509Signer,
};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    signing_request::CertificateSigningRequest,
    x509::{credential::X509Credential, encoding, validity},
};

/// The most certificates that a chain may have.
const MAX_CERTIFICATES: usize = 10;

/// The largest size of a certificate, in bytes of DER.
const MAX_CERTIFICATE_SIZE: usize = 16 * 1024;

/// The certificate that the service issued for a signing request, and its intermediates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedChain(Vec<Vec<u8>>);

/// Why there is no usable chain. The device is assigned all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuedChainError {
    /// The registration had no certificate signing request. Set one with `RegistrationRequest::with_csr`.
    #[error("no certificate was asked for")]
    NotAskedFor,
    /// The service does not issue certificates for this enrollment, or does not know the api-version.
    #[error("the answer has no issued certificate")]
    Absent,
    /// The service accepted the request and issued nothing.
    #[error("the issued certificate chain is null")]
    Null,
    /// The list is empty.
    #[error("the issued certificate chain is empty")]
    Empty,
    /// The chain is not a list.
    #[error("the issued certificate chain is no list")]
    NotAList,
    /// The chain has more than 10 certificates.
    #[error("the issued certificate chain has {0} certificates; 10 is the limit")]
    TooMany(usize),
    /// The certificate with this index is larger than 16 KiB.
    #[error("certificate {0} of the issued chain is larger than 16 KiB")]
    TooLarge(usize),
    /// The entry with this index is not text.
    #[error("entry {0} of the issued chain is no text")]
    NotText(usize),
    /// The entry with this index is not base64.
    #[error("entry {0} of the issued chain is no base64")]
    BadEncoding(usize),
    /// The entry with this index is not an X.509 certificate.
    #[error("entry {0} of the issued chain is no X.509 certificate")]
    NotACertificate(usize),
    /// The certificate is for another key than the request's, or the request cannot be parsed.
    #[error("the issued certificate is for another key than the request's")]
    OtherKey,
    /// The certificate is for another device.
    #[error("the issued certificate's common name is {0:?}, not the registration id")]
    OtherName(String),
    /// The certificate is not valid yet; this device's clock may be slow.
    #[error("the issued certificate is not valid yet")]
    NotYetValid,
    /// The certificate is no longer valid; this device's clock may be fast.
    #[error("the issued certificate has expired")]
    Expired,
}

impl IssuedChain {
    /// Reads the chain from the registration state that `request` led to. The first certificate must have the key of
    /// the request's CSR and the registration id as its common name (compared without case), and be valid at `now`.
    ///
    /// # Errors
    /// [`IssuedChainError`] has one variant for each reason.
    pub fn from_state(
        state: &RegistrationState,
        request: &RegistrationRequest,
        now: SystemTime,
    ) -> Result<Self, IssuedChainError> {
        let csr = request.csr().ok_or(IssuedChainError::NotAskedFor)?;
        let chain = match state.raw().get("issuedCertificateChain") {
            None => return Err(IssuedChainError::Absent),
            Some(Value::Null) => return Err(IssuedChainError::Null),
            Some(Value::Array(entries)) => decode(entries)?,
            Some(_) => return Err(IssuedChainError::NotAList),
        };
        for (index, der) in chain.iter().enumerate() {
            let certificate = match X509Certificate::from_der(der) {
                Ok(([], certificate)) => certificate,
                _ => return Err(IssuedChainError::NotACertificate(index)),
            };
            if index == 0 {
                check(&certificate, csr, request.registration_id(), now)?;
            }
        }
        Ok(Self(chain))
    }

    /// The certificates in DER, the device's own first.
    pub fn der(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// The credential of the chain and its private key, in PEM or DER, such as that of a `GeneratedRequest`.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `private key`. The TLS stack finds a key that does not belong to the certificate.
    pub fn into_credential(self, key: &Secret) -> Result<X509Credential, InvalidInput> {
        X509Credential::from_der(self.0, encoding::plain_key(key.expose())?)
    }

    /// The credential of the chain whose private key `signer` signs with.
    ///
    /// # Errors
    /// As [`X509Credential::from_der_with_signer`].
    pub fn into_credential_with_signer(self, signer: Arc<dyn X509Signer>) -> Result<X509Credential, InvalidInput> {
        X509Credential::from_der_with_signer(self.0, signer)
    }

    /// The certificates in PEM, the device's own first.
    pub fn pem(&self) -> String {
        self.0.iter().map(|der| to_pem(der)).collect()
    }
}

fn decode(entries: &[Value]) -> Result<Vec<Vec<u8>>, IssuedChainError> {
    match entries.len() {
        0 => return Err(IssuedChainError::Empty),
        count if count > MAX_CERTIFICATES => return Err(IssuedChainError::TooMany(count)),
        _ => {}
    }
    let decoded = entries.iter().enumerate().map(|(index, entry)| {
        let text = entry.as_str().ok_or(IssuedChainError::NotText(index))?;
        // Rejected before it is decoded: a certificate of the largest size has shorter text.
        if text.len() > MAX_CERTIFICATE_SIZE.div_ceil(3) * 4 {
            return Err(IssuedChainError::TooLarge(index));
        }
        match STANDARD.decode(text) {
            Ok(der) if der.len() > MAX_CERTIFICATE_SIZE => Err(IssuedChainError::TooLarge(index)),
            Ok(der) => Ok(der),
            Err(_) => Err(IssuedChainError::BadEncoding(index)),
        }
    });
    decoded.collect()
}

fn check(
    leaf: &X509Certificate<'_>,
    csr: &CsrDer,
    registration_id: &RegistrationId,
    now: SystemTime,
) -> Result<(), IssuedChainError> {
    let csr = CertificateSigningRequest::from_der(csr.as_bytes().to_vec()).map_err(|_| IssuedChainError::OtherKey)?;
    if leaf.public_key().raw != csr.public_key() {
        return Err(IssuedChainError::OtherKey);
    }
    let name = leaf.subject().iter_common_name().find_map(|name| name.as_str().ok());
    let name = name.unwrap_or_default();
    if !name.eq_ignore_ascii_case(registration_id.as_str()) {
        return Err(IssuedChainError::OtherName(name.to_owned()));
    }
    if now < validity::not_before(leaf) {
        return Err(IssuedChainError::NotYetValid);
    }
    if now > validity::not_after(leaf) {
        return Err(IssuedChainError::Expired);
    }
    Ok(())
}

fn to_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64);
    let lines: String = lines
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
        .collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provisioning_types::PrivateKey;
    use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
    use serde_json::json;

    use super::*;
    use crate::testing::{Signer, named, registration};

    fn params(common_name: &str) -> CertificateParams {
        let mut params = named(Some(common_name));
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
        params
    }

    /// A CA, and a device's key with its request.
    struct Case {
        ca: Issuer<'static, KeyPair>,
        ca_der: Vec<u8>,
        key: KeyPair,
        request: RegistrationRequest,
    }

    impl Case {
        fn new() -> Self {
            let mut ca = params("CA");
            ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let ca_key = KeyPair::generate().expect("a key");
            let ca_der = ca.self_signed(&ca_key).expect("a certificate").der().to_vec();
            let key = KeyPair::generate().expect("a key");
            let csr = params("device-1").serialize_request(&key).expect("a request");
            let csr = CertificateSigningRequest::from_der(csr.der().to_vec()).expect("a request");
            let request = registration("Device-1");
            let csr = csr.for_registration(request.registration_id()).expect("the same name");
            Self {
                ca: Issuer::new(ca, ca_key),
                ca_der,
                key,
                request: request.with_csr(csr),
            }
        }

        fn issue(&self, common_name: &str, key: &KeyPair) -> Vec<u8> {
            let certificate = params(common_name).signed_by(key, &self.ca).expect("a certificate");
            certificate.der().to_vec()
        }

        fn read(&self, state: Value, days: u64) -> Result<IssuedChain, IssuedChainError> {
            let state = RegistrationState::new(state.as_object().expect("an object").clone());
            // Days since the beginning of 2024.
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200 + days * 86_400);
            IssuedChain::from_state(&state, &self.request, now)
        }
    }

    fn chain(certificates: &[&[u8]]) -> Value {
        let chain: Vec<_> = certificates.iter().map(|der| STANDARD.encode(der)).collect();
        json!({"issuedCertificateChain": chain})
    }

    #[test]
    fn a_chain_for_the_requests_key_and_name_is_read_as_der_and_pem() {
        let case = Case::new();
        let leaf = case.issue("device-1", &case.key);
        let issued = case.read(chain(&[&leaf, &case.ca_der]), 1).expect("a chain");
        assert_eq!(issued.der(), [leaf, case.ca_der.clone()]);
        let key = case.key.serialize_pem();
        let x509 = X509Credential::from_pem(issued.pem().as_bytes(), key.as_bytes()).expect("PEM");
        assert_eq!(x509.chain(), issued.der());
    }

    #[test]
    fn a_chain_becomes_a_credential_with_its_key_in_pem_or_der_or_behind_a_signer() {
        let case = Case::new();
        let leaf = case.issue("device-1", &case.key);
        let chain = case.read(chain(&[&leaf, &case.ca_der]), 1).expect("a chain");
        let der = Secret::new(case.key.serialize_der());
        for key in [Secret::new(case.key.serialize_pem().into_bytes()), der.clone()] {
            let x509 = chain.clone().into_credential(&key).expect("a credential");
            assert_eq!(x509.chain(), chain.der());
            assert_eq!(*x509.key(), PrivateKey::Der(der.clone()));
        }
        let error = chain.clone().into_credential(&Secret::new(b"no key".to_vec()));
        assert_eq!(error.expect_err("no key").input(), "private key");

        let key = PrivateKey::External(Arc::new(Signer::new(case.key)));
        let PrivateKey::External(signer) = &key else {
            panic!("a signer")
        };
        let x509 = chain
            .clone()
            .into_credential_with_signer(Arc::clone(signer))
            .expect("a credential");
        assert_eq!((x509.chain(), x509.key()), (chain.der(), &key));
    }

    #[test]
    fn each_defect_has_its_own_error() {
        use IssuedChainError::*;
        let case = Case::new();
        let leaf = case.issue("device-1", &case.key);
        let other_key = case.issue("device-1", &KeyPair::generate().expect("a key"));
        let other_name = case.issue("device-2", &case.key);
        let large = "A".repeat(4 * 16 * 1024);
        let of_size = |size: usize| chain(&[&leaf, &vec![0; size]]);
        let entries = |entries: Value| json!({"issuedCertificateChain": entries});
        let mut longer = leaf.clone();
        longer.push(0);
        let cases = [
            (json!({}), Absent),
            (entries(Value::Null), Null),
            (entries(json!([])), Empty),
            (entries(json!("MIIB")), NotAList),
            (entries(json!({"0": "MIIB"})), NotAList),
            (entries(json!(vec!["MIIB"; 11])), TooMany(11)),
            (entries(json!([large])), TooLarge(0)),
            (of_size(16 * 1024 + 1), TooLarge(1)),
            (of_size(16 * 1024), NotACertificate(1)),
            (entries(json!([1])), NotText(0)),
            (entries(json!([STANDARD.encode(&leaf), null])), NotText(1)),
            (entries(json!(["-----BEGIN CERTIFICATE-----"])), BadEncoding(0)),
            (entries(json!([STANDARD.encode(&leaf), "*"])), BadEncoding(1)),
            (entries(json!([""])), NotACertificate(0)),
            (chain(&[&leaf, b"no certificate"]), NotACertificate(1)),
            (chain(&[&longer]), NotACertificate(0)),
            (chain(&[&other_key]), OtherKey),
            (chain(&[&case.ca_der]), OtherKey),
            (chain(&[&other_name]), OtherName("device-2".to_owned())),
        ];
        for (state, expected) in cases {
            assert_eq!(case.read(state, 1), Err(expected));
        }
        assert_eq!(case.read(chain(&[&leaf]), 400), Err(Expired));
        let late = case.issue("device-1", &case.key);
        let now = SystemTime::UNIX_EPOCH;
        let state = RegistrationState::new(chain(&[&late]).as_object().expect("an object").clone());
        assert_eq!(IssuedChain::from_state(&state, &case.request, now), Err(NotYetValid));
        let without_csr = registration("Device-1");
        assert_eq!(IssuedChain::from_state(&state, &without_csr, now), Err(NotAskedFor));
        let unparsable = without_csr.with_csr(CsrDer::new(vec![48, 0]));
        assert_eq!(IssuedChain::from_state(&state, &unparsable, now), Err(OtherKey));
    }
}
