//! An identity where any will do.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, CredentialError, Identity, PrivateKey, Proof, RegistrationRequest, Secret,
};

/// Proves the same for every connection.
#[derive(Debug, Clone)]
pub(crate) struct Fixed(pub(crate) Proof);

impl Fixed {
    /// A certificate that no TLS stack looks at.
    pub(crate) fn certificate() -> ClientCertificate {
        let key = PrivateKey::Der(Secret::new(b"key".to_vec()));
        ClientCertificate::new(vec![b"certificate".to_vec()], key)
    }
}

#[async_trait]
impl Identity for Fixed {
    async fn prove(&self, _: &RegistrationRequest) -> Result<Proof, CredentialError> {
        Ok(self.0.clone())
    }

    fn may_block(&self) -> bool {
        false
    }
}

pub(crate) fn any_identity() -> Arc<dyn Identity> {
    let proof = Proof::default().with_certificate(Fixed::certificate());
    Arc::new(Fixed(proof.with_hint("look at the certificate")))
}
