//! Signers that block their threads until they are released: what hangs with them, and what does not.

use std::{
    convert::Infallible,
    fs,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use provisioning_net::{BoxedStream, Tls};
use provisioning_types::{
    ClientCertificate, CredentialError, InvalidInput, PrivateKey, RootSource, SignatureScheme, X509Signer,
};
use rcgen::{KeyPair, SigningKey};
use test_support::{
    Call, soon,
    tls::{BOTH_VERSIONS, new_key},
};
use tokio::{net::lookup_host, runtime, select};

use super::{device::Device, server::Server};
use crate::support::exchange;

/// How many handshakes hang. tokio has 512 threads for calls that block.
const MANY: usize = 600;

/// How many signatures of one signer are pending at the same time.
const MAX_PENDING: usize = 4;

/// A signer that blocks the thread of every signature while it is locked.
struct Lockable {
    key: KeyPair,
    locked: Mutex<bool>,
    unlocked: Condvar,
    /// How many signatures are pending.
    pending: AtomicUsize,
}

impl Lockable {
    fn locked() -> Arc<Self> {
        Arc::new(Self {
            key: new_key(),
            locked: Mutex::new(true),
            unlocked: Condvar::new(),
            pending: AtomicUsize::new(0),
        })
    }

    fn unlock(&self) {
        *self.locked.lock().expect("no panic") = false;
        self.unlocked.notify_all();
    }

    fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn certificate(self: &Arc<Self>, server: &Server) -> ClientCertificate {
        let chain = vec![server.ca.device(&self.key).der().to_vec()];
        let signer: Arc<Self> = Arc::clone(self);
        ClientCertificate::new(chain, PrivateKey::External(signer))
    }
}

#[async_trait]
impl X509Signer for Lockable {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        self.pending.fetch_add(1, Ordering::SeqCst);
        let locked = self.locked.lock().expect("no panic");
        drop(self.unlocked.wait_while(locked, |locked| *locked).expect("no panic"));
        self.pending.fetch_sub(1, Ordering::SeqCst);
        self.key.sign(message).map_err(CredentialError::unavailable)
    }
}

/// CA certificates in a file that is read for every connection.
#[derive(Debug)]
struct InFile(tempfile::NamedTempFile);

impl InFile {
    fn of(server: &Server) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), server.ca.certificate().der()).expect("written");
        Self(file)
    }
}

impl RootSource for InFile {
    fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
        let certificate = fs::read(self.0.path()).expect("a file");
        Ok(Arc::new([certificate]))
    }
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(test);
    // A failed test does not wait for threads that hang.
    runtime.shutdown_background();
}

/// Starts connections, and returns once some wait for the signer.
async fn hang(device: &Device, signer: &Lockable) -> Vec<Call<BoxedStream>> {
    let calls: Vec<_> = (0..MANY).map(|_| device.connect()).collect();
    soon("the first signature", async {
        while signer.pending() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    calls
}

/// Performs the service's side of every handshake.
async fn serve(server: &Server, device: &Device) -> Infallible {
    loop {
        tokio::spawn(server.acceptor.accept(device.stream().await));
    }
}

#[test]
fn a_signer_that_hangs_in_many_connections_stops_no_other_signer_no_file_and_no_lookup() {
    on_one_thread(async {
        let server = Server::new(BOTH_VERSIONS[1]);
        let hanging = Lockable::locked();
        let device = Device::new(server.trust(), hanging.certificate(&server));
        let calls = select! {
            calls = hang(&device, &hanging) => calls,
            never = serve(&server, &device) => match never {},
        };

        let other = Lockable::locked();
        other.unlock();
        let tls = Tls::new().with_only_roots(InFile::of(&server));
        let other = Device::new(tls, other.certificate(&server));
        let call = other.connect();
        let mut stream = server.accept(&other).await;
        exchange(&mut call.success().await, &mut stream).await;
        let addresses = soon("a lookup", lookup_host(("localhost", 1))).await;
        assert!(addresses.expect("an address").next().is_some());

        assert!(hanging.pending() <= MAX_PENDING, "{} are pending", hanging.pending());
        drop(calls);
        hanging.unlock();
    });
}

#[test]
fn connections_wait_for_their_signer_before_they_reach_the_service_and_leave_when_they_are_dropped() {
    on_one_thread(async {
        let server = Server::new(BOTH_VERSIONS[1]);
        let signer = Lockable::locked();
        let device = Device::new(server.trust(), signer.certificate(&server));
        let calls = hang(&device, &signer).await;
        assert!(device.made_no_connection().await, "none waits half-open");
        for call in calls {
            call.cancel().await;
        }
        signer.unlock();
        let call = device.connect();
        let mut stream = server.accept(&device).await;
        exchange(&mut call.success().await, &mut stream).await;
        assert!(device.made_no_connection().await, "those that were dropped make none");
    });
}
