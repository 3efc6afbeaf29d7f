//! External keys, with signers that wait, block, fail, panic, or never answer.

use std::{
    error::Error,
    future::pending,
    iter,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, CredentialError, ErrorKind, InvalidInput, Phase, PrivateKey, SignatureScheme, X509Signer,
};
use rcgen::{KeyPair, SigningKey};
use tokio::{
    io::AsyncReadExt,
    sync::{mpsc as async_mpsc, oneshot},
    time::sleep,
};

use super::{
    device::Device,
    server::{BOTH_VERSIONS, Server},
};
use crate::{
    certificates::new_key,
    support::{exchange, soon},
};

type Failed = CredentialError;

/// What a signer does before it signs.
enum Does {
    Waits,
    /// Blocks its thread until somebody else on the runtime sends something.
    Blocks(Mutex<mpsc::Receiver<()>>),
    /// Uses the runtime more often than a task may without a pause.
    IsBusy,
    IsNotAvailable,
    HoldsNoKey,
    Panics,
    NeverAnswers(async_mpsc::UnboundedSender<oneshot::Sender<()>>),
}

impl Does {
    async fn act(&self) -> Result<(), Failed> {
        match self {
            Self::Waits => sleep(Duration::from_millis(5)).await,
            Self::Blocks(released) => {
                let released = released.lock().expect("one at a time");
                released
                    .recv_timeout(Duration::from_secs(20))
                    .map_err(CredentialError::unavailable)?;
            }
            Self::IsBusy => {
                let (sender, mut receiver) = async_mpsc::unbounded_channel();
                for number in 0..1000 {
                    sender.send(number).expect("it is received");
                    receiver.recv().await;
                }
            }
            Self::IsNotAvailable => return Err(CredentialError::unavailable("the token is locked")),
            Self::HoldsNoKey => return Err(InvalidInput::new("slot", "a private key in it").into()),
            Self::Panics => panic!("on purpose"),
            Self::NeverAnswers(started) => {
                let (alive, dropped) = oneshot::channel();
                started.send(alive).expect("the test goes on");
                pending::<()>().await;
                drop(dropped);
            }
        }
        Ok(())
    }
}

struct Key(Does, KeyPair);

#[async_trait]
impl X509Signer for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Failed> {
        self.0.act().await?;
        self.1.sign(message).map_err(CredentialError::unavailable)
    }
}

fn device(server: &Server, does: Does) -> Device {
    let key = new_key();
    let chain = vec![server.ca.device(&key).der().to_vec()];
    let key = PrivateKey::External(Arc::new(Key(does, key)));
    let certificate = ClientCertificate::new(chain, key);
    assert!(server.trust().check(&certificate).is_ok());
    Device::new(server.trust(), certificate)
}

/// The device connects, twice.
async fn connects(server: &Server, device: &Device) {
    for _ in 0..2 {
        let call = device.connect();
        let mut stream = server.accept(device).await;
        assert!(stream.get_ref().1.peer_certificates().is_some());
        exchange(&mut call.stream().await, &mut stream).await;
    }
}

#[tokio::test]
async fn a_signer_may_wait_and_use_the_runtime() {
    for version in BOTH_VERSIONS {
        for does in [Does::Waits, Does::IsBusy] {
            let server = Server::new(version);
            connects(&server, &device(&server, does)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_may_wait_on_a_runtime_with_several_threads() {
    let server = Server::new(BOTH_VERSIONS[1]);
    connects(&server, &device(&server, Does::Waits)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_signer_that_blocks_does_not_stall_the_runtime() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let (release, released) = mpsc::channel();
        let device = device(&server, Does::Blocks(Mutex::new(released)));
        // On the one thread that the runtime has: it runs only if the signer does not block that.
        tokio::spawn(async move {
            for _ in 0..2 {
                sleep(Duration::from_millis(20)).await;
                release.send(()).expect("the signer waits");
            }
        });
        connects(&server, &device).await;
    }
}

#[tokio::test]
async fn a_signer_that_fails_or_panics_ends_the_handshake_with_its_own_words() {
    for version in BOTH_VERSIONS {
        for (does, kind, told, cause) in [
            (
                Does::IsNotAvailable,
                ErrorKind::Local,
                "the device's key or credential is not available",
                "the token is locked",
            ),
            (
                Does::HoldsNoKey,
                ErrorKind::Input,
                "slot cannot be used: expected a private key in it",
                "",
            ),
            (
                Does::Panics,
                ErrorKind::Tls,
                "the TLS handshake failed",
                "the signer panicked",
            ),
        ] {
            let server = Server::new(version);
            let device = device(&server, does);
            let call = device.connect();
            assert!(server.acceptor.accept(device.stream().await).await.is_err());
            let error = call.error().await;
            assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::Connect)));
            assert_eq!(error.to_string(), told);
            let causes: String = iter::successors(error.source(), |&cause| cause.source())
                .map(|cause| format!("{cause}; "))
                .collect();
            assert!(causes.contains(cause), "{causes:?}");
        }
    }
}

#[tokio::test]
async fn a_signer_that_never_answers_is_dropped_with_the_call() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let (started, mut signing) = async_mpsc::unbounded_channel();
        let device = device(&server, Does::NeverAnswers(started));
        let call = device.connect();
        let stream = device.stream().await;
        let accepting = tokio::spawn({
            let acceptor = server.acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.read_u8().await
            }
        });
        let mut alive = soon("the signer's turn", signing.recv()).await.expect("it signs");
        call.cancel().await;
        soon("the end of the signer", alive.closed()).await;
        let served = soon("the end of the stream", accepting).await.expect("no panic");
        assert!(served.is_err());
    }
}
