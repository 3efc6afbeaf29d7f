//! Certificate signing requests for keys that stay outside this process.

use std::cell::RefCell;

use provisioning_types::{CredentialError, InvalidInput, RegistrationId, SignatureScheme, X509Signer};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, Error, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    PKCS_RSA_SHA256, PKCS_RSA_SHA384, PKCS_RSA_SHA512, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

use super::{CertificateSigningRequest, invalid};

impl CertificateSigningRequest {
    /// Makes a request for a certificate of a key that `signer` signs with. `public_key` is the public half of that
    /// key, as an HSM exports it: a `SubjectPublicKeyInfo` ([RFC 5280, section 4.1]) in DER.
    ///
    /// The first of the signer's schemes that a request can have is used: ECDSA, Ed25519, or RSA with PKCS#1 v1.5. The
    /// signature is not verified.
    ///
    /// # Errors
    /// The error of the signer. `Invalid` also names `registration id` when it is longer than the 64 characters that a
    /// common name may have, `signer` when it has no scheme that a request can have, and `public key` when it cannot be
    /// parsed, or is of another kind than the scheme.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of the signer; nothing is kept.
    ///
    /// [RFC 5280, section 4.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
    pub async fn sign(
        registration_id: &RegistrationId,
        public_key: &[u8],
        signer: &dyn X509Signer,
    ) -> Result<Self, CredentialError> {
        let params = params(registration_id)?;
        let schemes = signer.schemes().iter();
        let (scheme, algorithm) = schemes
            .filter_map(|&scheme| Some((scheme, algorithm(scheme)?)))
            .next()
            .ok_or_else(|| InvalidInput::new("signer", "a scheme of ECDSA, Ed25519, or RSA with PKCS#1 v1.5"))?;
        // rcgen cannot await a signer: it writes the request once for what is to be signed, and again with the
        // signature.
        let (unsigned, message) = write(&params, public_key, algorithm, &[])?;
        if unsigned.public_key() != public_key {
            let expected = format!("the kind of key that signs {scheme:?}");
            return Err(InvalidInput::new(PUBLIC_KEY, expected).into());
        }
        let signature = signer.sign(scheme, &message).await?;
        let (signed, _) = write(&params, public_key, algorithm, &signature)?;
        Ok(signed)
    }
}

const PUBLIC_KEY: &str = "public key";

/// The contents of a request for this device: its common name.
pub(super) fn params(registration_id: &RegistrationId) -> Result<CertificateParams, InvalidInput> {
    let name = registration_id.as_str();
    if name.len() > 64 {
        let expected = "at most 64 characters, since it becomes a certificate's common name";
        return Err(InvalidInput::new("registration id", expected).with_given(name));
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// The algorithm of a request that is signed with this scheme. `None` for RSA-PSS, which rcgen does not have.
fn algorithm(scheme: SignatureScheme) -> Option<&'static SignatureAlgorithm> {
    match scheme {
        SignatureScheme::EcdsaP256Sha256 => Some(&PKCS_ECDSA_P256_SHA256),
        SignatureScheme::EcdsaP384Sha384 => Some(&PKCS_ECDSA_P384_SHA384),
        SignatureScheme::Ed25519 => Some(&PKCS_ED25519),
        SignatureScheme::RsaPkcs1Sha256 => Some(&PKCS_RSA_SHA256),
        SignatureScheme::RsaPkcs1Sha384 => Some(&PKCS_RSA_SHA384),
        SignatureScheme::RsaPkcs1Sha512 => Some(&PKCS_RSA_SHA512),
        _ => None,
    }
}

/// The request with this signature, and the message that a signature of it is over.
fn write(
    params: &CertificateParams,
    public_key: &[u8],
    algorithm: &'static SignatureAlgorithm,
    signature: &[u8],
) -> Result<(CertificateSigningRequest, Vec<u8>), InvalidInput> {
    let (_, parsed) = SubjectPublicKeyInfo::from_der(public_key)
        .map_err(|_| InvalidInput::new(PUBLIC_KEY, "a SubjectPublicKeyInfo in DER"))?;
    let key = RecordingKey {
        public_key: &parsed.subject_public_key.data,
        algorithm,
        signature,
        message: RefCell::default(),
    };
    let written = params
        .serialize_request(&key)
        .map_err(|_| invalid("a registration id and a public key that fit into a request"))?;
    let request = CertificateSigningRequest::from_der(written.der().to_vec())?;
    Ok((request, key.message.into_inner()))
}

/// Returns a signature that is there already, and records the message that it is for.
struct RecordingKey<'a> {
    /// The bits of the key, without its algorithm.
    public_key: &'a [u8],
    algorithm: &'static SignatureAlgorithm,
    signature: &'a [u8],
    message: RefCell<Vec<u8>>,
}

impl PublicKeyData for RecordingKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for RecordingKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        *self.message.borrow_mut() = message.to_vec();
        Ok(self.signature.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use rcgen::KeyPair;
    use x509_parser::certification_request::X509CertificationRequest;

    use super::*;
    use crate::testing::{Signer, ready};

    fn id() -> RegistrationId {
        RegistrationId::new("device-1").expect("an id")
    }

    fn rsa(algorithm: &'static SignatureAlgorithm) -> KeyPair {
        let pem = include_str!("../../../provisioning-net/tests/data/rsa2048.pkcs8.pem");
        KeyPair::from_pkcs8_pem_and_sign_algo(pem, algorithm).expect("a key")
    }

    fn sign(key: KeyPair) -> Result<CertificateSigningRequest, CredentialError> {
        let public_key = key.subject_public_key_info();
        ready(CertificateSigningRequest::sign(&id(), &public_key, &Signer::new(key)))
    }

    /// The input that the error names. The error has no text of a library: `(`, `{` or `[`.
    fn wrong_input(result: Result<CertificateSigningRequest, CredentialError>) -> String {
        match result {
            Err(CredentialError::Invalid(error)) => {
                assert!(!error.expected().contains(['(', '{', '[']), "{error}");
                error.input().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_of_every_kind_of_key_names_the_device_and_has_a_signature_that_the_key_verifies() {
        let made = |algorithm| KeyPair::generate_for(algorithm).expect("a key");
        for key in [
            made(&PKCS_ECDSA_P256_SHA256),
            made(&PKCS_ECDSA_P384_SHA384),
            made(&PKCS_ED25519),
            rsa(&PKCS_RSA_SHA256),
            rsa(&PKCS_RSA_SHA384),
            rsa(&PKCS_RSA_SHA512),
        ] {
            let (algorithm, public_key) = (key.algorithm(), key.subject_public_key_info());
            let request = sign(key).expect("a request");
            assert!(request.for_registration(&id()).is_ok(), "{algorithm:?}");
            assert_eq!(request.public_key(), public_key, "{algorithm:?}");
            let (_, parsed) = X509CertificationRequest::from_der(request.der()).expect("PKCS#10");
            assert_eq!(parsed.verify_signature(), Ok(()), "{algorithm:?}");
        }
    }

    #[test]
    fn a_key_that_is_none_or_of_another_kind_than_the_signers_scheme_is_refused() {
        let key = || KeyPair::generate().expect("a key");
        let sign = |public_key: &[u8]| {
            wrong_input(ready(CertificateSigningRequest::sign(
                &id(),
                public_key,
                &Signer::new(key()),
            )))
        };
        let mut longer = key().subject_public_key_info();
        longer.push(0);
        let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        for public_key in [vec![], longer, other.subject_public_key_info()] {
            assert_eq!(sign(&public_key), "public key");
        }
    }

    #[test]
    fn a_registration_id_that_is_too_long_for_a_common_name_is_refused_before_anything_is_signed() {
        let long = RegistrationId::new(&*"a".repeat(65)).expect("an id");
        let signed = ready(CertificateSigningRequest::sign(&long, b"", &Unavailable(&[])));
        assert_eq!(wrong_input(signed), "registration id");
    }

    /// Has these schemes, and does not sign.
    struct Unavailable(&'static [SignatureScheme]);

    #[async_trait]
    impl X509Signer for Unavailable {
        fn schemes(&self) -> &[SignatureScheme] {
            self.0
        }

        async fn sign(&self, _: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
            Err(CredentialError::unavailable("the HSM is locked"))
        }
    }

    #[test]
    fn a_signer_needs_a_scheme_for_requests_and_its_error_is_returned() {
        use SignatureScheme::{EcdsaP256Sha256, RsaPssSha256};
        let public_key = KeyPair::generate().expect("a key").subject_public_key_info();
        let sign = |schemes| {
            ready(CertificateSigningRequest::sign(
                &id(),
                &public_key,
                &Unavailable(schemes),
            ))
        };
        assert_eq!(wrong_input(sign(&[RsaPssSha256])), "signer");
        let error = sign(&[RsaPssSha256, EcdsaP256Sha256]).expect_err("locked");
        assert!(matches!(error, CredentialError::Unavailable(_)), "{error}");
    }
}
