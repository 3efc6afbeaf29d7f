//! External keys, with signers that block, fail, or never answer, and with a vault that is sealed at first.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use provisioning_device::{
    Credential, CredentialError, CredentialSource, ErrorKind, Policy, ProvisioningDeviceClient, RegisterError,
    SymmetricKey, SymmetricSigner, Transport, X509Credential,
};
use provisioning_emulator::{Device, Emulator, TlsVersions};
use rcgen::KeyPair;
use test_support::{
    emulator::{local_dps, start},
    shown,
    signers::{ExternalKey, blocks, is_unavailable},
};

use crate::support::builder;

/// A symmetric key behind a signer that awaits what a function returns before it signs.
struct Symmetric<B>(B, SymmetricKey);

#[async_trait]
impl<B, F> SymmetricSigner for Symmetric<B>
where
    B: Fn() -> F + Send + Sync,
    F: Future<Output = Result<(), CredentialError>> + Send,
{
    async fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0().await?;
        self.1.sign(data).await
    }
}

async fn emulator(versions: TlsVersions) -> Emulator {
    let device = Device::new("symmetric").symmetric_keys("a2V5", "a2V5");
    start(
        local_dps()
            .device(device)
            .tls_versions(versions)
            .polls_before_assigning(0),
    )
    .await
}

fn by_certificate<F>(emulator: &Emulator, before: impl Fn() -> F + Send + Sync + 'static) -> (&'static str, Credential)
where
    F: Future<Output = Result<(), CredentialError>> + Send + 'static,
{
    let identity = emulator.issue_device("certified").expect("a device");
    let signer = ExternalKey(before, KeyPair::from_pem(&identity.private_key_pem).expect("a key"));
    let chain = identity.certificate_chain_pem.as_bytes();
    let x509 = X509Credential::from_pem_with_signer(chain, Arc::new(signer)).expect("a credential");
    ("certified", x509.into())
}

fn by_key<F>(before: impl Fn() -> F + Send + Sync + 'static) -> (&'static str, Credential)
where
    F: Future<Output = Result<(), CredentialError>> + Send + 'static,
{
    let key = SymmetricKey::from_base64("a2V5").expect("a key");
    let signer = Arc::new(Symmetric(before, key));
    ("symmetric", Credential::SymmetricKey(signer))
}

async fn register(
    emulator: &Emulator,
    (id, credential): (&str, Credential),
    transport: Transport,
    policy: Policy,
) -> Result<String, RegisterError> {
    let client = builder(emulator, credential, transport).with_registration_id(id);
    let client = client.with_policy(policy).build().expect("valid input");
    client
        .register()
        .await
        .map(|assignment| assignment.device_id().to_owned())
}

/// Whether the key is a certificate's, and over what.
const CASES: [(bool, Transport); 4] = [
    (true, Transport::Mqtt),
    (false, Transport::Mqtt),
    (true, Transport::MqttWs),
    (false, Transport::MqttWs),
];

#[tokio::test(flavor = "current_thread")]
async fn a_signer_that_blocks_does_not_stall_the_runtime() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let emulator = emulator(versions).await;
        for (certified, transport) in CASES {
            let (release, released) = mpsc::sync_channel(0);
            let device = if certified {
                by_certificate(&emulator, blocks(released))
            } else {
                by_key(blocks(released))
            };
            let id = device.0;
            // On the one thread that the runtime has: it runs only if the signer does not block that.
            tokio::spawn(async move {
                // A certificate's key signs once more, before the first connection.
                for _ in 0..=u8::from(certified) {
                    // Without room in the channel, this succeeds only while the signer blocks.
                    while release.try_send(()).is_err() {
                        tokio::task::yield_now().await;
                    }
                }
            });
            let registered = register(&emulator, device, transport, Policy::default()).await;
            assert_eq!(registered.expect("assigned"), id);
        }
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_signer_that_fails_is_told_with_its_own_words() {
    let emulator = emulator(TlsVersions::Both).await;
    for device in [by_certificate(&emulator, is_unavailable), by_key(is_unavailable)] {
        let error = register(&emulator, device, Transport::Mqtt, Policy::default())
            .await
            .expect_err("no signature");
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        assert!(error.is_retryable());
        let shown = shown(&error);
        assert!(shown.contains("; the token is locked; "), "{shown}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_signer_that_never_answers_is_bounded_by_the_operations_limit() {
    let emulator = emulator(TlsVersions::Both).await;
    // Real time: a paused clock stands still while the signer's thread works.
    let policy = Policy::default().with_operation_timeout(Duration::from_millis(200));
    for device in [by_certificate(&emulator, pending), by_key(pending)] {
        let error = register(&emulator, device, Transport::MqttWs, policy.clone())
            .await
            .expect_err("no signature");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    emulator.shutdown().await;
}

/// A vault that is sealed for the first two loads, and waits for the runtime in every other.
struct Vault(AtomicUsize);

#[async_trait]
impl CredentialSource for Vault {
    async fn load(&self) -> Result<Credential, CredentialError> {
        if self.0.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(CredentialError::unavailable("the vault is sealed"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(SymmetricKey::from_base64("a2V5")?.into())
    }

    fn may_block(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_vault_that_is_sealed_now_fails_the_registration_and_not_the_client() {
    let emulator = emulator(TlsVersions::Both).await;
    let credential = || Credential::from_source(Vault(AtomicUsize::new(0)));
    let client = builder(&emulator, credential(), Transport::Mqtt);
    // The first load is that of `build`.
    let client = client.with_registration_id("symmetric").build().expect("valid input");
    let error = client.register().await.expect_err("sealed");
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Local, true),
        "{error}"
    );
    let assignment = client.register().await.expect("assigned");
    assert_eq!(assignment.device_id(), "symmetric");

    let nameless = ProvisioningDeviceClient::builder(emulator.id_scope(), credential(), Transport::Mqtt);
    let error = nameless.build().expect_err("the vault has not said which device it is");
    assert_eq!(error.input(), "registration id");
    emulator.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_is_built_with_a_source_that_waits_for_the_runtime_of_this_thread() {
    let credential = Credential::from_source(Vault(AtomicUsize::new(2)));
    let builder = ProvisioningDeviceClient::builder("0ne00A1B2C3", credential, Transport::Mqtt);
    assert!(builder.with_registration_id("symmetric").build().is_ok());
}
