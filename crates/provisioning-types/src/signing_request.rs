//! A certificate signing request, as a registration request carries it.

use std::fmt;

/// A PKCS#10 certificate signing request in DER. The bytes are not checked here: `CertificateSigningRequest` of
/// `provisioning-credentials` parses and checks a request, and returns this type.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrDer(Vec<u8>);

impl CsrDer {
    /// Takes the DER bytes as they are.
    pub fn new(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// The DER bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CsrDer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CsrDer({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_only_the_length() {
        assert_eq!(format!("{:?}", CsrDer::new(vec![48; 300])), "CsrDer(300 bytes)");
    }
}
