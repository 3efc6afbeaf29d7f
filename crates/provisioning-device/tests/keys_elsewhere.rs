//! Keys that live elsewhere, with signers that wait, block, fail, or never answer; and `examples/keys_elsewhere.rs`.

use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use provisioning_device::{
    Credential, CredentialError, CredentialSource, ErrorKind, Policy, ProvisioningDeviceClient, RegisterError,
    SignatureScheme, SymmetricKey, SymmetricSigner, Transport, X509Credential, X509Signer,
};
use provisioning_emulator::{Device, Emulator, TlsVersions};
use rcgen::{KeyPair, SigningKey};

type Signature = Result<Vec<u8>, CredentialError>;

/// How a signer behaves before it signs.
enum Manner {
    /// Blocks its thread until somebody else on the runtime sends something.
    Blocks(Mutex<mpsc::Receiver<()>>),
    Fails,
    NeverAnswers,
}

impl Manner {
    async fn act(&self) -> Result<(), CredentialError> {
        match self {
            Self::Blocks(released) => {
                let released = released.lock().expect("one at a time");
                let released = released.recv_timeout(Duration::from_secs(20));
                released.map_err(|_| CredentialError::unavailable("the runtime stood still"))
            }
            Self::Fails => Err(CredentialError::unavailable("the token is locked")),
            Self::NeverAnswers => std::future::pending().await,
        }
    }
}

struct Certificate(Manner, KeyPair);

#[async_trait]
impl X509Signer for Certificate {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Signature {
        self.0.act().await?;
        self.1.sign(message).map_err(CredentialError::unavailable)
    }
}

struct Symmetric(Manner, SymmetricKey);

#[async_trait]
impl SymmetricSigner for Symmetric {
    async fn sign(&self, data: &[u8]) -> Signature {
        self.0.act().await?;
        self.1.sign(data).await
    }
}

async fn emulator(versions: TlsVersions) -> Emulator {
    let device = Device::new("symmetric").symmetric_keys("a2V5", "a2V5");
    let builder = Emulator::builder()
        .device(device)
        .tls_versions(versions)
        .polls_before_assigning(0);
    builder.start().await.expect("a local DPS")
}

fn by_certificate(emulator: &Emulator, manner: Manner) -> (&'static str, Credential) {
    let identity = emulator.issue_device("certified").expect("a device");
    let signer = Certificate(manner, KeyPair::from_pem(&identity.private_key_pem).expect("a key"));
    let chain = identity.certificate_chain_pem.as_bytes();
    let x509 = X509Credential::from_pem_with_signer(chain, Arc::new(signer)).expect("a credential");
    ("certified", x509.into())
}

fn by_key(manner: Manner) -> (&'static str, Credential) {
    let key = SymmetricKey::from_base64("a2V5").expect("a key");
    ("symmetric", Credential::SymmetricKey(Arc::new(Symmetric(manner, key))))
}

async fn register(
    emulator: &Emulator,
    (id, credential): (&str, Credential),
    transport: Transport,
    policy: Policy,
) -> Result<String, RegisterError> {
    let host = match transport {
        Transport::MqttWs => emulator.websocket_address(),
        _ => emulator.mqtt_address(),
    };
    let client = ProvisioningDeviceClient::builder(emulator.id_scope(), credential, transport)
        .with_registration_id(id)
        .with_host(&host)
        .with_ca_pem(emulator.ca_pem())
        .with_policy(policy)
        .build()
        .expect("valid input");
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
            let (release, released) = mpsc::channel();
            let manner = Manner::Blocks(Mutex::new(released));
            let device = if certified {
                by_certificate(&emulator, manner)
            } else {
                by_key(manner)
            };
            let id = device.0;
            // On the one thread that the runtime has: it runs only if the signer does not block that.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                release.send(()).expect("the signer waits");
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
    for device in [by_certificate(&emulator, Manner::Fails), by_key(Manner::Fails)] {
        let error = register(&emulator, device, Transport::Mqtt, Policy::default())
            .await
            .expect_err("no signature");
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        assert!(error.is_retryable());
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        assert!(
            causes.iter().any(|cause| cause.contains("the token is locked")),
            "{error}: {causes:?}"
        );
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_signer_that_never_answers_is_bounded_by_the_operations_limit() {
    let emulator = emulator(TlsVersions::Both).await;
    let policy = Policy::default().with_operation_timeout(Duration::from_millis(200));
    for device in [
        by_certificate(&emulator, Manner::NeverAnswers),
        by_key(Manner::NeverAnswers),
    ] {
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
    let builder = ProvisioningDeviceClient::builder(emulator.id_scope(), credential(), Transport::Mqtt)
        .with_host(format!("localhost:{}", emulator.mqtt_port()))
        .with_ca_pem(emulator.ca_pem());
    // The first load is that of `build`.
    let client = builder.with_registration_id("symmetric").build().expect("valid input");
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

#[tokio::test]
async fn the_example_registers_with_both_kinds_of_keys() {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let example = target.join("examples").join("keys_elsewhere");
    let output = tokio::process::Command::new(&example).output().await;
    let output = output.unwrap_or_else(|error| panic!("{} (built by `cargo test`): {error}", example.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8_lossy(&output.stdout);
    let hub = "local-hub.azure-devices.net";
    assert_eq!(told, format!("meter-1 belongs to {hub}\nmeter-2 belongs to {hub}\n"));
}
