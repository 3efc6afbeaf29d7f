//! Keys behind signers that wait, block, fail, panic, or never answer.

use std::{
    future::pending,
    sync::{Mutex, mpsc::Receiver},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{CredentialError, InvalidInput, SignatureScheme, X509Signer};
use rcgen::{KeyPair, SigningKey};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

/// What a signer does before it signs.
#[derive(Debug)]
pub enum SignerBehavior {
    /// Signs at once.
    SignsAtOnce,
    /// Waits for the runtime's clock.
    Waits,
    /// Blocks its thread until another task of the runtime sends something.
    Blocks(Mutex<Receiver<()>>),
    /// Uses the runtime more often than a task may without a pause.
    IsBusy,
    /// Fails: `the token is locked`.
    IsUnavailable,
    /// Fails: there is no key in its slot.
    HoldsNoKey,
    /// Panics.
    Panics,
    /// Waits for ever. The test receives what is closed once the signature's future is dropped.
    NeverAnswers(mpsc::UnboundedSender<oneshot::Sender<()>>),
}

impl SignerBehavior {
    /// Does what comes before the signature.
    pub async fn act(&self) -> Result<(), CredentialError> {
        match self {
            Self::SignsAtOnce => {}
            Self::Waits => sleep(Duration::from_millis(5)).await,
            Self::Blocks(released) => {
                let released = released.lock().expect("one at a time");
                let outcome = released.recv_timeout(Duration::from_secs(20));
                outcome.map_err(|_| CredentialError::unavailable("the runtime stood still"))?;
            }
            Self::IsBusy => {
                let (sender, mut receiver) = mpsc::unbounded_channel();
                for number in 0..1000 {
                    sender.send(number).expect("it is received");
                    receiver.recv().await;
                }
            }
            Self::IsUnavailable => return Err(CredentialError::unavailable("the token is locked")),
            Self::HoldsNoKey => return Err(InvalidInput::new("slot", "a private key in it").into()),
            Self::Panics => panic!("on purpose"),
            Self::NeverAnswers(started) => {
                let (alive, dropped) = oneshot::channel();
                // A test that does not look for the drop does not receive it.
                let _ = started.send(alive);
                pending::<()>().await;
                drop(dropped);
            }
        }
        Ok(())
    }
}

/// An EC P-256 key behind a signer.
#[derive(Debug)]
pub struct ExternalKey(pub SignerBehavior, pub KeyPair);

#[async_trait]
impl X509Signer for ExternalKey {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0.act().await?;
        self.1.sign(message).map_err(CredentialError::unavailable)
    }
}
