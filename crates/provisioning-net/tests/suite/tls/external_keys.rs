//! External keys, with signers that wait, block, fail, panic, or never answer.

use std::{
    error::Error,
    future::{pending, ready},
    iter,
    sync::{Arc, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{
    ClientCertificate, CredentialError, ErrorKind, InvalidInput, Phase, PrivateKey, SignatureScheme, X509Signer,
};
use rcgen::PublicKeyData;
use test_support::{
    signers::{ExternalKey, blocks},
    soon,
    tls::{BOTH_VERSIONS, new_key},
};
use tokio::{
    io::AsyncReadExt,
    sync::{mpsc as async_mpsc, oneshot},
    time::sleep,
};

use super::{device::Device, server::Server};
use crate::support::exchange;

/// A signer whose public key is known, so it signs in handshakes only.
struct Known<S>(S, Vec<u8>);

#[async_trait]
impl<S: X509Signer> X509Signer for Known<S> {
    fn schemes(&self) -> &[SignatureScheme] {
        self.0.schemes()
    }

    fn public_key(&self) -> Option<&[u8]> {
        Some(&self.1)
    }

    async fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0.sign(scheme, message).await
    }
}

/// A device with a key behind a signer, which awaits what `before` returns before it signs.
fn device<F>(server: &Server, before: impl Fn() -> F + Send + Sync + 'static) -> Device
where
    F: Future<Output = Result<(), CredentialError>> + Send + 'static,
{
    let key = new_key();
    let chain = vec![server.ca.device(&key).der().to_vec()];
    let public_key = key.subject_public_key_info();
    let key = PrivateKey::External(Arc::new(Known(ExternalKey(before, key), public_key)));
    let certificate = ClientCertificate::new(chain, key);
    assert!(server.trust().check(&certificate).is_ok());
    Device::new(server.trust(), certificate)
}

/// Waits for the runtime's clock.
async fn waits() -> Result<(), CredentialError> {
    sleep(Duration::from_millis(5)).await;
    Ok(())
}

/// Uses the runtime more often than a task may without a pause.
async fn is_busy() -> Result<(), CredentialError> {
    let (sender, mut receiver) = async_mpsc::unbounded_channel();
    for number in 0..1000 {
        sender.send(number).expect("it is received");
        receiver.recv().await;
    }
    Ok(())
}

type Failure = fn() -> Result<(), CredentialError>;

/// The device connects, twice.
async fn connects(server: &Server, device: &Device) {
    for _ in 0..2 {
        let call = device.connect();
        let mut stream = server.accept(device).await;
        assert!(stream.get_ref().1.peer_certificates().is_some());
        exchange(&mut call.success().await, &mut stream).await;
    }
}

#[tokio::test]
async fn a_signer_may_wait_and_use_the_runtime() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        connects(&server, &device(&server, waits)).await;
        connects(&server, &device(&server, is_busy)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_may_wait_on_a_runtime_with_several_threads() {
    let server = Server::new(BOTH_VERSIONS[1]);
    connects(&server, &device(&server, waits)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_signer_that_blocks_does_not_stall_the_runtime() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let (release, released) = mpsc::sync_channel(0);
        let device = device(&server, blocks(released));
        // On the one thread that the runtime has: it runs only if the signer does not block that.
        tokio::spawn(async move {
            for _ in 0..2 {
                // Without room in the channel, this succeeds only while the signer blocks.
                while release.try_send(()).is_err() {
                    tokio::task::yield_now().await;
                }
            }
        });
        connects(&server, &device).await;
    }
}

#[tokio::test]
async fn a_signer_that_fails_or_panics_ends_the_handshake_with_its_own_words() {
    for version in BOTH_VERSIONS {
        let cases: [(Failure, _, _, _); 3] = [
            (
                || Err(CredentialError::unavailable("the token is locked")),
                ErrorKind::Local,
                "the device's key or credential is not available",
                Some("the token is locked"),
            ),
            (
                || Err(InvalidInput::new("slot", "a private key in it").into()),
                ErrorKind::Input,
                "slot cannot be used: expected a private key in it",
                None,
            ),
            (|| panic!("on purpose"), ErrorKind::Input, "the signer panicked", None),
        ];
        for (fail, kind, told, cause) in cases {
            let server = Server::new(version);
            let device = device(&server, move || ready(fail()));
            let call = device.connect();
            assert!(server.acceptor.accept(device.stream().await).await.is_err());
            let error = call.error().await;
            assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::Connect)));
            assert_eq!(error.to_string(), told);
            let innermost = iter::successors(error.source(), |&cause| cause.source()).last();
            assert_eq!(innermost.map(ToString::to_string).as_deref(), cause);
        }
    }
}

#[tokio::test]
async fn a_signer_that_never_answers_is_dropped_with_the_call() {
    for version in BOTH_VERSIONS {
        let server = Server::new(version);
        let (started, mut signing) = async_mpsc::unbounded_channel();
        let device = device(&server, move || {
            let (alive, dropped) = oneshot::channel::<()>();
            started.send(alive).expect("the test waits");
            async {
                let _dropped = dropped;
                pending().await
            }
        });
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
