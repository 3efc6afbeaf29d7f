//! An identity for tests that need any identity.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, CredentialError, Identity, PrivateKey, Proof, RegistrationRequest, Secret,
};

pub(crate) fn any_identity() -> Arc<dyn Identity> {
    Arc::new(AnyIdentity)
}

/// Its certificate, which no TLS stack reads.
pub(crate) fn certificate() -> ClientCertificate {
    let key = PrivateKey::Der(Secret::new(b"key".to_vec()));
    ClientCertificate::new(vec![b"certificate".to_vec()], key)
}

#[derive(Debug)]
struct AnyIdentity;

#[async_trait]
impl Identity for AnyIdentity {
    async fn prove(&self, _: &RegistrationRequest) -> Result<Proof, CredentialError> {
        let proof = Proof::default().with_certificate(certificate());
        Ok(proof.with_hint("look at the certificate"))
    }

    fn may_block(&self) -> bool {
        false
    }
}
