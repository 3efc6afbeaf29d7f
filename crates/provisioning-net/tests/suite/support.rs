//! What the tests share.

use std::{
    future::Future,
    sync::{Arc, Mutex as StdMutex},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_net::{BoxedStream, Connector, Scheme, ServiceUri, Target};
use provisioning_types::{ConnectionEvent, Endpoint, ErrorKind, Phase, Progress, TransportError};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    net::TcpListener,
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
    time::timeout,
};

/// The host that devices connect to unless a test names another.
pub(crate) const HOST: &str = "service.test";

/// How long a test waits for what must happen: virtual time where the clock is paused, and spent in failures only.
const PATIENCE: Duration = Duration::from_secs(60);

/// The outcome of `future`, unless it hangs.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) fn endpoint() -> Endpoint {
    HOST.parse().expect("a host")
}

pub(crate) fn mqtts(endpoint: Endpoint) -> ServiceUri {
    ServiceUri::new(Scheme::Mqtts, endpoint)
}

/// Connects in memory.
#[derive(Debug, Clone)]
pub(crate) struct InMemory(UnboundedSender<DuplexStream>);

/// The service's ends of the connections.
pub(crate) struct Incoming(Mutex<UnboundedReceiver<DuplexStream>>);

pub(crate) fn in_memory() -> (InMemory, Incoming) {
    let (streams, incoming) = mpsc::unbounded_channel();
    (InMemory(streams), Incoming(Mutex::new(incoming)))
}

#[async_trait]
impl Connector for InMemory {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        let (device, service) = duplex(64 * 1024);
        match self.0.send(service) {
            Ok(()) => Ok(Box::new(device)),
            Err(_) => Err(TransportError::new(ErrorKind::Connect, "the service is gone").in_phase(Phase::Connect)),
        }
    }
}

impl Incoming {
    pub(crate) async fn next(&self) -> DuplexStream {
        let stream = soon("a connection", async { self.0.lock().await.recv().await }).await;
        stream.expect("the device lives")
    }

    pub(crate) async fn is_empty(&self) -> bool {
        self.0.lock().await.is_empty()
    }
}

/// Sends bytes both ways.
pub(crate) async fn exchange(device: &mut (impl ByteStream + ?Sized), service: &mut (impl ByteStream + ?Sized)) {
    soon("both directions", async {
        say(device, service).await;
        say(service, device).await;
    })
    .await;
}

async fn say(from: &mut (impl ByteStream + ?Sized), to: &mut (impl ByteStream + ?Sized)) {
    from.write_all(b"hello").await.expect("the stream works");
    from.flush().await.expect("the stream works");
    let mut bytes = [0; 5];
    to.read_exact(&mut bytes).await.expect("the stream works");
    assert_eq!(&bytes, b"hello");
}

/// Like the library's, without its `'static`.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin + ?Sized> ByteStream for S {}

/// Keeps the URIs that were reported.
#[derive(Default)]
pub(crate) struct Reported(Arc<StdMutex<Vec<String>>>);

impl Reported {
    /// Connects, and returns the outcome and the URIs that were reported meanwhile.
    pub(crate) async fn of(
        connector: &dyn Connector,
        target: &Target<'_>,
    ) -> (Result<BoxedStream, TransportError>, Vec<String>) {
        let reported = Self::default();
        let listener = |event| match event {
            ConnectionEvent::Connecting { uri } => reported.0.lock().expect("no panic").push(uri),
            other => panic!("a connector does not report {other:?}"),
        };
        let outcome = soon("an outcome", connector.connect(target, Progress::new(&listener))).await;
        (outcome, reported.take())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// A free port on this machine.
pub(crate) async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address.to_string().parse().expect("an endpoint"))
}
