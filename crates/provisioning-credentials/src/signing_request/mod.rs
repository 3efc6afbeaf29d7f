//! Certificate signing requests: a device asks the service for a certificate of its own key.

use std::fmt;

use pkcs8::Document;
use provisioning_types::{CsrDer, InvalidInput, RegistrationId};
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use crate::x509::encoding::is_pem;

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
            let name = info.subject.iter_common_name().find_map(|name| name.as_str().ok());
            (name.map(str::to_owned), info.subject_pki.raw.to_vec())
        };
        Ok(Self {
            common_name,
            public_key,
            der,
        })
    }

    /// Parses PEM. Text may precede the block.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidInput> {
        let pem = std::str::from_utf8(pem).ok();
        let block = pem.and_then(|pem| Document::from_pem(pem).ok());
        let (label, document) = block.ok_or_else(|| invalid("one well-formed PEM block"))?;
        match label {
            // Some tools still write the older label.
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::from_der(document.into_vec()),
            other => Err(invalid(format!("PEM labelled CERTIFICATE REQUEST, not {other}"))),
        }
    }

    /// Parses the contents of a file, PEM or DER.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidInput> {
        if is_pem(bytes) {
            Self::from_pem(bytes)
        } else {
            Self::from_der(bytes.to_vec())
        }
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
        let der = CertificateSigningRequest::from_bytes(request.der()).expect("DER");
        assert_eq!(der.common_name(), Some("device-1"));
        let with_text = format!("Certificate Request:\n    Data:\n{pem}");
        let with_crlf = pem.replace("\r\n", "\n").replace('\n', "\r\n");
        for pem in [pem, old_label, with_text, with_crlf] {
            assert_eq!(CertificateSigningRequest::from_bytes(pem.as_bytes()), Ok(der.clone()));
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
            (b"".as_slice(), "PKCS#10 in PEM or DER"),
            (&request.der()[..40], "PKCS#10 in PEM or DER"),
            (&longer, "one PKCS#10 request and nothing after it"),
            (
                mislabelled.as_bytes(),
                "PEM labelled CERTIFICATE REQUEST, not CERTIFICATE",
            ),
            (b"-----BEGIN CERTIFICATE REQUEST-----\n", "one well-formed PEM block"),
            (
                b"-----BEGIN CERTIFICATE REQUEST-----\n\xff",
                "one well-formed PEM block",
            ),
        ] {
            let error = CertificateSigningRequest::from_bytes(bytes).expect_err(expected);
            assert_eq!(error.input(), "certificate signing request");
            assert_eq!(error.expected(), expected);
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
        let request = CertificateSigningRequest::from_bytes(request(Some("device-2")).der()).expect("a request");
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
