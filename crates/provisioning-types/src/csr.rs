//! Certificate signing requests: a device asks the service for a certificate of its own key.

use std::fmt;

use pkcs8::Document;
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use crate::InvalidInput;

/// A PKCS#10 request (RFC 2986) for a certificate. Its subject's common name is the registration id.
///
/// Whether its signature holds is the issuer's to judge.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateSigningRequest {
    der: Vec<u8>,
    common_name: Option<String>,
    /// The public key as a certificate holds it, in DER.
    public_key: Vec<u8>,
}

impl CertificateSigningRequest {
    /// Takes one in DER.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `certificate signing request`.
    pub fn from_der(der: Vec<u8>) -> Result<Self, InvalidInput> {
        let (common_name, public_key) = {
            let (rest, request) = X509CertificationRequest::from_der(&der)
                .map_err(|e| invalid(format!("PKCS#10 in PEM or DER ({e})")))?;
            if !rest.is_empty() {
                return Err(invalid("one PKCS#10 request and nothing behind it"));
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

    /// Takes one in PEM.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidInput> {
        let pem = std::str::from_utf8(pem).map_err(|_| invalid("PEM"))?;
        let (label, document) = Document::from_pem(pem).map_err(|e| invalid(format!("one PEM block ({e})")))?;
        match label {
            // Some tools still write the older label.
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::from_der(document.into_vec()),
            other => Err(invalid(format!("PEM labelled CERTIFICATE REQUEST, not {other}"))),
        }
    }

    /// Takes what a file holds, PEM or DER.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidInput> {
        if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
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

pub(crate) fn invalid(expected: impl Into<std::borrow::Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("certificate signing request", expected)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn request(common_name: Option<&str>) -> rcgen::CertificateSigningRequest {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params
            .serialize_request(&KeyPair::generate().expect("a key"))
            .expect("a request")
    }

    #[test]
    fn pem_and_der_are_the_same_request() {
        let request = request(Some("device-1"));
        let pem = request.pem().expect("PEM");
        let old_label = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
        let der = CertificateSigningRequest::from_bytes(request.der()).expect("DER");
        assert_eq!(der.common_name(), Some("device-1"));
        for pem in [pem, old_label] {
            assert_eq!(CertificateSigningRequest::from_bytes(pem.as_bytes()), Ok(der.clone()));
        }
    }

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        let request = request(None);
        let mut longer = request.der().to_vec();
        longer.push(0);
        let pem = request.pem().expect("PEM");
        let mislabelled = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
        for (bytes, expected) in [
            (b"".as_slice(), "PKCS#10"),
            (&request.der()[..40], "PKCS#10"),
            (&longer, "nothing behind it"),
            (mislabelled.as_bytes(), "not CERTIFICATE"),
            (b"-----BEGIN CERTIFICATE REQUEST-----\n", "PEM block"),
        ] {
            let error = CertificateSigningRequest::from_bytes(bytes).expect_err(expected);
            assert_eq!(error.input(), "certificate signing request");
            assert!(error.expected().contains(expected), "{error}");
        }
    }
}
