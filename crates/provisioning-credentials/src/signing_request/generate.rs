//! A new key, and the certificate signing request for it.

use provisioning_types::{InvalidInput, RegistrationId, Secret};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384};
use zeroize::Zeroize;

use super::{CertificateSigningRequest, invalid, sign};

/// A new key (EC P-384, the kind that the service documents), and the request for a certificate of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct GeneratedRequest {
    /// The private key in PEM (PKCS#8). Store it: there is no other copy.
    pub private_key_pem: Secret,
    /// The request, with the registration id as its common name.
    pub request: CertificateSigningRequest,
}

impl GeneratedRequest {
    /// Generates a key, and the request for a certificate of it for this device.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `registration id` when it is longer than the 64 characters that a common name may have.
    pub fn new(registration_id: &RegistrationId) -> Result<Self, InvalidInput> {
        let params = sign::params(registration_id)?;
        let failed = |_| invalid("a TLS provider that generates an EC P-384 key and signs with it");
        let mut key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).map_err(failed)?;
        let request = params.serialize_request(&key).map_err(failed)?;
        let private_key_pem = Secret::new(key.serialize_pem().into_bytes());
        key.zeroize();
        Ok(Self {
            private_key_pem,
            request: CertificateSigningRequest::from_der(request.der().to_vec())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_request_is_for_its_registration_and_every_key_is_new() {
        let id = RegistrationId::new("device-1").expect("an id");
        let (one, other) = (GeneratedRequest::new(&id), GeneratedRequest::new(&id));
        let (one, other) = (one.expect("a request"), other.expect("a request"));
        assert!(one.request.for_registration(&id).is_ok());
        assert_ne!(one.request.public_key(), other.request.public_key());
        let key = one.private_key_pem.expose_str().expect("PEM");
        let key = KeyPair::from_pem(key).expect("a key");
        assert_eq!(key.algorithm(), &PKCS_ECDSA_P384_SHA384);
        assert!(
            one.request
                .public_key()
                .ends_with(rcgen::PublicKeyData::der_bytes(&key))
        );
        assert!(!format!("{one:?}").contains("PRIVATE"), "{one:?}");
    }

    #[test]
    fn a_registration_id_that_is_too_long_for_a_common_name_is_refused() {
        let id = |length| RegistrationId::new(&*"a".repeat(length)).expect("an id");
        assert!(GeneratedRequest::new(&id(64)).is_ok());
        let error = GeneratedRequest::new(&id(65)).expect_err("too long");
        assert_eq!(error.input(), "registration id");
    }
}
