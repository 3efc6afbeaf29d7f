//! Certificate signing requests: a device asks the service for a certificate of its own key.

use std::fmt;

use provisioning_types::{CsrDer, InvalidInput, RegistrationId};
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use crate::{input::contents, x509::common_name::common_name};

#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
mod generate;
#[cfg(feature = "generate-csr")]
mod sign;

#[cfg(all(feature = "generate-csr", any(feature = "ring", feature = "aws-lc-rs")))]
pub use generate::GeneratedRequest;

/// A PKCS#10 request (RFC 2986) for a certificate. Its subject's common name is the registration id.
///
/// The signature is not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateSigningRequest {
    der: Vec<u8>,
    common_name: Option<String>,
    /// The public key as a certificate holds it, in DER.
    public_key: Vec<u8>,
}

impl CertificateSigningRequest {
    /// Parses DER.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate signing request`.
    pub fn from_der(der: Vec<u8>) -> Result<Self, InvalidInput> {
        let (common_name, public_key) = {
            let (rest, request) =
                X509CertificationRequest::from_der(&der).map_err(|_| invalid("PKCS#10 in PEM or DER"))?;
            if !rest.is_empty() {
                return Err(invalid("one PKCS#10 request and nothing after it"));
            }
            let info = &request.certification_request_info;
            (common_name(&info.subject), info.subject_pki.raw.to_vec())
        };
        Ok(Self {
            common_name,
            public_key,
            der,
        })
    }

    /// Reads PEM or DER, as files contain it.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), and what the bytes are instead.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, InvalidInput> {
        Self::from_der(contents::signing_request(bytes)?)
    }

    /// The request in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The common name in its subject.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Checks that the request is for the device `registration_id`, and returns it as a registration request carries
    /// it.
    ///
    /// # Errors
    /// [`InvalidInput`] when the request's common name is not the registration id (compared without case).
    pub fn for_registration(&self, registration_id: &RegistrationId) -> Result<CsrDer, InvalidInput> {
        let name = self.common_name().unwrap_or_default();
        if !name.eq_ignore_ascii_case(registration_id.as_str()) {
            let expected = format!("the registration id {registration_id} as its common name");
            return Err(invalid(expected).with_given(name));
        }
        Ok(CsrDer::new(self.der.clone()))
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

impl fmt::Debug for CertificateSigningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateSigningRequest")
            .field("common_name", &self.common_name)
            .finish_non_exhaustive()
    }
}

fn invalid(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("certificate signing request", expected)
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;

    use super::*;
    use crate::testing::named;

    fn request(common_name: Option<&str>) -> rcgen::CertificateSigningRequest {
        let key = KeyPair::generate().expect("a key");
        named(common_name).serialize_request(&key).expect("a request")
    }

    #[test]
    fn pem_and_der_are_the_same_request() {
        let request = request(Some("device-1"));
        let pem = request.pem().expect("PEM");
        let old_label = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
        let der = CertificateSigningRequest::from_pem(request.der()).expect("DER");
        assert_eq!(der.common_name(), Some("device-1"));
        for pem in [pem, old_label] {
            assert_eq!(CertificateSigningRequest::from_pem(pem.as_bytes()), Ok(der.clone()));
        }
    }

    #[test]
    fn bytes_that_are_not_a_request_are_refused_with_the_reason() {
        let request = request(None);
        let mut longer = request.der().to_vec();
        longer.push(0);
        let pem = request.pem().expect("PEM");
        let mislabelled = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
        for (bytes, expected) in [
            (b"".as_slice(), "it is empty"),
            (&request.der()[..140], "it is cut off"),
            (&longer, "PKCS#10"),
            (mislabelled.as_bytes(), "PKCS#10"),
            (b"-----BEGIN CERTIFICATE REQUEST-----\n", "it is cut off"),
        ] {
            let error = CertificateSigningRequest::from_pem(bytes).expect_err(expected);
            assert_eq!(error.input(), "certificate signing request");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_csr_for_the_registration_id_is_its_der_whatever_the_case() {
        let der = request(Some("Device-1")).der().to_vec();
        let request = CertificateSigningRequest::from_der(der.clone()).expect("a request");
        let id = RegistrationId::new("device-1").expect("an id");
        assert_eq!(request.for_registration(&id), Ok(CsrDer::new(der)));
    }

    #[test]
    fn a_csr_for_another_name_is_refused() {
        let request = CertificateSigningRequest::from_pem(request(Some("device-2")).der()).expect("a request");
        let error = request
            .for_registration(&RegistrationId::new("device-1").expect("an id"))
            .expect_err("another device's")
            .to_string();
        assert!(
            error.starts_with("certificate signing request \"device-2\" cannot be used"),
            "{error}"
        );
        assert!(error.contains("device-1"), "{error}");
    }
}
