//! Registers with keys that this program does not hold: each lives with a thread, as it would with an HSM or a key
//! service. It needs nothing: a local DPS is started in the process.

use std::{error::Error, sync::Arc, thread};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use provisioning_device::{
    Credential, CredentialError, ProvisioningDeviceClient, SignatureScheme, SymmetricSigner, Transport, X509Credential,
    X509Signer,
};
use provisioning_emulator::{Device, Emulator};
use rcgen::{KeyPair, SigningKey};
use sha2::Sha256;
use tokio::sync::{mpsc, oneshot};

type Signature = Result<Vec<u8>, CredentialError>;

/// A thread that holds a key and signs with it. The key never leaves it.
struct KeyThread(mpsc::UnboundedSender<(Vec<u8>, oneshot::Sender<Vec<u8>>)>);

impl KeyThread {
    fn start(sign: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        let (requests, mut queue) = mpsc::unbounded_channel::<(Vec<u8>, oneshot::Sender<Vec<u8>>)>();
        thread::spawn(move || {
            while let Some((message, answer)) = queue.blocking_recv() {
                // Who asked may be gone.
                let _ = answer.send(sign(&message));
            }
        });
        Self(requests)
    }

    async fn ask(&self, message: &[u8]) -> Signature {
        let (answer, signature) = oneshot::channel();
        self.0
            .send((message.to_vec(), answer))
            .map_err(|_| CredentialError::unavailable("the key's thread has ended"))?;
        signature.await.map_err(CredentialError::unavailable)
    }
}

#[async_trait]
impl X509Signer for KeyThread {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Signature {
        self.ask(message).await
    }
}

#[async_trait]
impl SymmetricSigner for KeyThread {
    async fn sign(&self, data: &[u8]) -> Signature {
        self.ask(data).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::new("meter-2").symmetric_keys("a2V5LTE=", "a2V5LTI=");
    let emulator = Emulator::builder()
        .device(device)
        .polls_before_assigning(0)
        .start()
        .await?;
    let identity = emulator.issue_device("meter-1")?;

    let key = KeyPair::from_pem(&identity.private_key_pem)?;
    let signer = KeyThread::start(move |message| key.sign(message).unwrap_or_default());
    let chain = identity.certificate_chain_pem.as_bytes();
    register(
        &emulator,
        "meter-1",
        X509Credential::from_pem_with_signer(chain, Arc::new(signer))?.into(),
    )
    .await?;

    let signer = KeyThread::start(|data| {
        let mac = Hmac::<Sha256>::new_from_slice(b"key-1").map(|mac| mac.chain_update(data));
        mac.map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
    });
    register(&emulator, "meter-2", Credential::SymmetricKey(Arc::new(signer))).await?;
    emulator.shutdown().await;
    Ok(())
}

async fn register(emulator: &Emulator, id: &str, credential: Credential) -> Result<(), Box<dyn Error>> {
    let client = ProvisioningDeviceClient::builder(emulator.id_scope(), credential, Transport::Mqtt)
        .with_registration_id(id)
        .with_host(emulator.mqtt_address())
        .with_ca_pem(emulator.ca_pem())
        .build()?;
    let assignment = client.register().await?;
    println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
    Ok(())
}
