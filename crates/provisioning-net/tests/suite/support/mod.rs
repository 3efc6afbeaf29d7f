//! The endpoint of the tests, the reports of connectors, and bytes in both directions.

pub(crate) mod roots;
pub(crate) mod words;

use std::sync::Mutex;

use provisioning_net::{BoxedStream, Connector, Scheme, ServiceUri, Target};
use provisioning_types::{ConnectionEvent, Endpoint, Progress, TransportError};
use test_support::soon;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The host that devices connect to, unless a test names another.
pub(crate) const HOST: &str = "service.test";

pub(crate) fn endpoint() -> Endpoint {
    HOST.parse().expect("a host")
}

pub(crate) fn mqtts(endpoint: Endpoint) -> ServiceUri {
    ServiceUri::new(Scheme::Mqtts, endpoint)
}

/// Sends bytes in both directions, and expects them to arrive.
pub(crate) async fn exchange(device: &mut (impl Stream + ?Sized), service: &mut (impl Stream + ?Sized)) {
    soon("bytes in both directions", async {
        send(device, service).await;
        send(service, device).await;
    })
    .await;
}

async fn send(from: &mut (impl Stream + ?Sized), to: &mut (impl Stream + ?Sized)) {
    from.write_all(b"hello").await.expect("the stream works");
    from.flush().await.expect("the stream works");
    let mut bytes = [0; 5];
    to.read_exact(&mut bytes).await.expect("the stream works");
    assert_eq!(&bytes, b"hello");
}

/// Like the library's `ByteStream`, without its `'static`.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin + ?Sized> Stream for S {}

/// Connects, and returns the outcome and the URIs that were reported meanwhile.
pub(crate) async fn connect_and_report(
    connector: &dyn Connector,
    target: &Target<'_>,
) -> (Result<BoxedStream, TransportError>, Vec<String>) {
    let reported = Mutex::new(vec![]);
    let listener = |event| match event {
        ConnectionEvent::Connecting { uri } => reported.lock().expect("no panic").push(uri),
        ConnectionEvent::WaitingFor(_) => {}
        other => panic!("a connector does not report {other:?}"),
    };
    let outcome = soon("an outcome", connector.connect(target, Progress::new(&listener))).await;
    (outcome, reported.into_inner().expect("no panic"))
}
