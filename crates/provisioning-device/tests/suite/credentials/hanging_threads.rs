//! Signers, sources and name lookups that block their thread for ever: `register_blocking` returns at its timeout, and
//! other devices register.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, ThreadId},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_device::{
    BoxedStream, Builder, Connector, Credential, CredentialError, ErrorKind, InvalidInput, Progress,
    ProvisioningDeviceClient, RootSource, Secret, SignatureScheme, SymmetricKey, SymmetricSigner, Target, Transport,
    TransportError, X509Credential, X509Signer,
};
use test_support::{
    ConnectWith, Files,
    emulator::{local_dps, start},
};
use tokio::{
    io::DuplexStream,
    runtime::{self, Runtime},
    task::JoinSet,
    time::timeout,
};

/// The timeout of the registrations.
const TIMEOUT: Duration = Duration::from_millis(200);

/// Spent in failures only.
const PATIENCE: Duration = Duration::from_secs(20);

/// Blocks this thread for ever.
fn hang() -> ! {
    loop {
        thread::park();
    }
}

#[derive(Debug)]
struct Hanging;

#[async_trait]
impl X509Signer for Hanging {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        hang()
    }
}

#[async_trait]
impl SymmetricSigner for Hanging {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        hang()
    }
}

/// Resolves names as tokio does: on a thread of the runtime.
#[async_trait]
impl Connector for Hanging {
    async fn connect(&self, _: &Target<'_>, _: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let resolved = tokio::task::spawn_blocking(|| hang()).await;
        resolved.expect("it hangs")
    }
}

/// CA certificates that are there for `build`, and then hang.
#[derive(Debug)]
struct HangingRoots(Vec<u8>, AtomicBool);

impl RootSource for HangingRoots {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        if self.1.swap(true, Ordering::Relaxed) {
            hang()
        }
        Ok(Arc::new([self.0.clone()]))
    }
}

fn key() -> SymmetricKey {
    SymmetricKey::from_base64("a2V5").expect("a key")
}

/// A source that is there for `build`, and then hangs.
fn hanging_source() -> Credential {
    let asked = AtomicBool::new(false);
    Credential::from_fn(move || match asked.swap(true, Ordering::Relaxed) {
        false => Ok(key().into()),
        true => hang(),
    })
}

/// The outcome of a blocking registration that must end at its timeout.
fn registers_until_its_timeout(what: &str, builder: Builder) {
    let client = builder.with_timeout(TIMEOUT).build().expect("valid");
    let (sender, outcome) = mpsc::channel();
    thread::spawn(move || sender.send(client.register_blocking()));
    let outcome = outcome.recv_timeout(PATIENCE);
    let outcome = outcome.unwrap_or_else(|_| panic!("with {what}, register_blocking does not return"));
    assert_eq!(outcome.expect_err(what).kind(), ErrorKind::Timeout, "{what}");
}

#[test]
fn a_blocking_registration_returns_at_its_timeout_whatever_hangs() {
    let service = Runtime::new().expect("a runtime for the service");
    let emulator = service.block_on(start(local_dps()));
    let identity = emulator.issue_device("device-1").expect("a device");
    let chain = identity.certificate_chain_pem.as_bytes();
    let x509 = X509Credential::from_pem_with_signer(chain, Arc::new(Hanging)).expect("a credential");
    let ca = X509Credential::from_pem_with_signer(emulator.ca_pem().as_bytes(), Arc::new(Hanging));
    let ca = ca.expect("a certificate").chain()[0].clone();
    let builder = |credential: Credential| {
        ProvisioningDeviceClient::builder(emulator.id_scope(), credential, Transport::Mqtt)
            .with_registration_id("device-1")
            .with_host(emulator.mqtt_address())
            .with_ca_pem(emulator.ca_pem())
    };
    for (what, builder) in [
        ("a signer of a certificate", builder(x509.into())),
        (
            "a signer of tokens",
            builder(Credential::SymmetricKey(Arc::new(Hanging))),
        ),
        ("a source of the credential", builder(hanging_source())),
        (
            "a source of CA certificates",
            builder(key().into()).with_roots(HangingRoots(ca, AtomicBool::new(false))),
        ),
        ("a name lookup", builder(key().into()).with_connector(Hanging)),
    ] {
        registers_until_its_timeout(what, builder);
    }
    service.block_on(emulator.shutdown());
}

/// Fails at once, which shows that the credential was there.
fn unreachable(_: &Target<'_>) -> Result<DuplexStream, TransportError> {
    Err(TransportError::new(ErrorKind::Connect, "not reached"))
}

fn client(credential: Credential) -> ProvisioningDeviceClient {
    let builder = ProvisioningDeviceClient::builder("0ne1", credential, Transport::Mqtt);
    let builder = builder
        .with_registration_id("device-1")
        .with_connector(ConnectWith(unreachable));
    builder.build().expect("valid")
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(test);
    // Does not wait for what hangs.
    runtime.shutdown_background();
}

/// Hangs, and counts how often.
#[derive(Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl SymmetricSigner for Counting {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        hang()
    }
}

#[test]
fn a_signer_that_hangs_for_many_clients_stops_no_other_client() {
    on_one_thread(async {
        let signer = Arc::new(Counting::default());
        let mut registrations = JoinSet::new();
        for _ in 0..600 {
            let signer: Arc<Counting> = Arc::clone(&signer);
            let client = client(Credential::SymmetricKey(signer));
            registrations.spawn(async move { client.register().await });
        }
        let started = async {
            while signer.0.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, started).await.expect("it is asked");
        for _ in 0..10 {
            let files = Files::new();
            let file = files.write("key", "a2V5");
            let client = client(Credential::symmetric_key_from_file(file).expect("a key"));
            let outcome = timeout(PATIENCE, client.register()).await;
            let outcome = outcome.expect("the file is read").expect_err("not reached");
            assert_eq!(outcome.kind(), ErrorKind::Connect, "{outcome}");
        }
        let hanging = signer.0.load(Ordering::SeqCst);
        assert!(hanging <= 4, "{hanging} hang");
    });
}

/// Records the threads that it runs on.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<ThreadId>>>);

impl Recording {
    fn record(&self) {
        self.0.lock().expect("no panic").push(thread::current().id());
    }
}

#[async_trait]
impl SymmetricSigner for Recording {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.record();
        Ok(vec![0; 32])
    }

    /// That the key is known does not say that it is used in memory.
    fn known_key(&self) -> Option<Secret> {
        Some(Secret::new(b"a2V5".to_vec()))
    }
}

#[test]
fn sources_and_signers_do_not_run_on_the_thread_that_registers() {
    on_one_thread(async {
        let (signer, source) = (Recording::default(), Recording::default());
        let recording = source.clone();
        let from_source = Credential::from_fn(move || {
            recording.record();
            Ok(key().into())
        });
        for (credential, threads) in [
            (Credential::SymmetricKey(Arc::new(signer.clone())), signer.0),
            (from_source, source.0),
        ] {
            let client = client(credential);
            // `build` looks at a source.
            threads.lock().expect("no panic").clear();
            assert_eq!(
                client.register().await.expect_err("not reached").kind(),
                ErrorKind::Connect
            );
            let threads = threads.lock().expect("no panic");
            assert_eq!(threads.len(), 1);
            assert!(!threads.contains(&thread::current().id()));
        }
    });
}
