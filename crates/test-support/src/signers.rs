//! Signers of external keys, some of which misbehave.

use std::{
    future::{Ready, ready},
    sync::{Mutex, mpsc::Receiver},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{CredentialError, SignatureScheme, X509Signer};
use rcgen::{KeyPair, SigningKey};

/// A signer with an EC P-256 key. Before it signs, it awaits the future that the function returns.
#[derive(Debug)]
pub struct ExternalKey<B>(pub B, pub KeyPair);

#[async_trait]
impl<B, F> X509Signer for ExternalKey<B>
where
    B: Fn() -> F + Send + Sync,
    F: Future<Output = Result<(), CredentialError>> + Send,
{
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0().await?;
        self.1.sign(message).map_err(CredentialError::unavailable)
    }
}

/// Returns a function that blocks its thread until another task of the runtime sends a message.
pub fn blocks(released: Receiver<()>) -> impl Fn() -> Ready<Result<(), CredentialError>> + Send + Sync {
    let released = Mutex::new(released);
    move || {
        let released = released.lock().expect("one at a time");
        let outcome = released.recv_timeout(Duration::from_secs(20));
        ready(outcome.map_err(|_| CredentialError::unavailable("the runtime is blocked")))
    }
}

/// Fails with `the token is locked`.
pub async fn is_unavailable() -> Result<(), CredentialError> {
    Err(CredentialError::unavailable("the token is locked"))
}
