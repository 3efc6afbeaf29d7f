//! What several tests of this crate need.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use provisioning_types::{CredentialError, IdScope, RegistrationId, RegistrationRequest, SignatureScheme, X509Signer};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, PKCS_RSA_SHA256, PKCS_RSA_SHA384, SigningKey,
};

/// The output of a future that never waits, such as signing with a key in memory.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a key in memory never waits"),
    }
}

/// A request of `registration_id` in some id scope.
pub(crate) fn registration(registration_id: &str) -> RegistrationRequest {
    RegistrationRequest::new(
        IdScope::new("0ne1").expect("a scope"),
        RegistrationId::new(registration_id).expect("an id"),
    )
}

/// A certificate, or a request for one, whose subject is this common name alone, if any.
pub(crate) fn named(common_name: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params
}

/// A signer around a key in memory.
pub(crate) struct Signer {
    key: KeyPair,
    scheme: [SignatureScheme; 1],
}

impl Signer {
    pub(crate) fn new(key: KeyPair) -> Self {
        let known = [
            (&PKCS_ECDSA_P256_SHA256, SignatureScheme::EcdsaP256Sha256),
            (&PKCS_ECDSA_P384_SHA384, SignatureScheme::EcdsaP384Sha384),
            (&PKCS_ED25519, SignatureScheme::Ed25519),
            (&PKCS_RSA_SHA256, SignatureScheme::RsaPkcs1Sha256),
            (&PKCS_RSA_SHA384, SignatureScheme::RsaPkcs1Sha384),
        ];
        let scheme = known.into_iter().find(|(algorithm, _)| *algorithm == key.algorithm());
        let scheme = scheme.map_or(SignatureScheme::RsaPkcs1Sha512, |(_, scheme)| scheme);
        Self { key, scheme: [scheme] }
    }
}

#[async_trait]
impl X509Signer for Signer {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.scheme
    }

    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        assert_eq!(scheme, self.scheme[0]);
        self.key.sign(message).map_err(CredentialError::unavailable)
    }
}
