//! A proxy that a connection goes through is named in what fails or is waited for above it.

use provisioning_net::{
    Connector, FallbackConnector, Proxy, ServiceUri, Target, TcpConnector, TlsConnector, WebSocketConnector,
};
use provisioning_types::{ErrorKind, Progress, TransportError, WaitStep, Waiting};
use test_support::{Waits, listen, serve, soon, tls::Ca};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{support::words::message, tls::server::trusting};

const OPEN: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const PAGE: &[u8] = b"HTTP/1.1 403 No\r\n\r\n<title>Access denied</title>";

/// A proxy that opens every tunnel and answers for the service: with these bytes, and then the end.
struct Answering {
    proxy: Proxy,
    /// Without credentials.
    address: String,
    _tasks: JoinSet<()>,
}

impl Answering {
    async fn start(answer: &'static [u8]) -> Self {
        let (address, tasks) = serve("127.0.0.1", move |mut device: TcpStream| async move {
            let mut head = vec![];
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = device.read_u8().await else { return };
                head.push(byte);
            }
            let _ = device.write_all(OPEN).await;
            // The first message of the protocol above.
            let _ = device.read(&mut [0; 4096]).await;
            let _ = device.write_all(answer).await;
            let _ = device.shutdown().await;
        })
        .await;
        Self {
            proxy: format!("http://user:s3cret@{address}").parse().expect("a proxy"),
            address: format!("http://{address}"),
            _tasks: tasks,
        }
    }

    fn tcp(&self) -> TcpConnector {
        TcpConnector::new().with_proxy(self.proxy.clone())
    }
}

/// How a connection fails, and what was waited for.
async fn failure(connector: &impl Connector) -> (TransportError, Vec<Waiting>) {
    let uri = ServiceUri::new(connector.scheme(), "service.test".parse().expect("a host"));
    let waits = Waits::default();
    let listener = |event| waits.note(event);
    let target = Target::new(&uri);
    let outcome = soon("an outcome", connector.connect(&target, Progress::new(&listener))).await;
    let error = outcome.err().expect("no connection");
    (error, waits.new_ones())
}

#[tokio::test]
async fn a_failure_of_tls_or_websocket_names_the_proxy_without_its_credentials() {
    for (answer, tls, websocket) in [
        (PAGE, ErrorKind::Tls, ErrorKind::Unauthorized),
        (b"", ErrorKind::Lost, ErrorKind::Lost),
    ] {
        let proxy = Answering::start(answer).await;
        let over_tls = TlsConnector::over(proxy.tcp(), trusting(&Ca::root()));
        for (outcome, kind, step) in [
            (
                failure(&over_tls).await,
                tls,
                Waiting::new(WaitStep::Tls, "service.test:8883"),
            ),
            (
                failure(&WebSocketConnector::new(proxy.tcp())).await,
                websocket,
                Waiting::new(WaitStep::WebSocket, "service.test:443"),
            ),
        ] {
            let (error, waits) = outcome;
            assert_eq!(error.kind(), kind, "{error:?}");
            let message = message(&error);
            assert!(
                message.contains(&format!("(through the proxy {})", proxy.address)),
                "{message}"
            );
            assert!(!message.contains("s3cret"), "{message}");
            let last = waits.last().expect("a wait");
            let peer = format!("{} through the proxy {}", step.peer, proxy.address);
            assert_eq!(last, &Waiting::new(step.step, peer));
        }
    }
}

#[tokio::test]
async fn a_probe_and_a_fallback_name_the_proxy_of_each_way_once() {
    let (proxy, other) = (Answering::start(b"").await, Answering::start(b"").await);
    let tls = |proxy: &Answering| TlsConnector::over(proxy.tcp(), trusting(&Ca::root()));
    let uri = ServiceUri::new(provisioning_net::Scheme::Mqtts, "service.test".parse().expect("a host"));
    let probe = tls(&proxy).probe(&Target::new(&uri)).await;
    let shown = message(probe.error().expect("no connection"));
    assert!(
        shown.contains(&format!("(through the proxy {})", proxy.address)),
        "{shown}"
    );

    let fallback = FallbackConnector::new(tls(&proxy), WebSocketConnector::new(tls(&other)));
    let (error, _) = failure(&fallback).await;
    let message = message(&error);
    for proxy in [proxy, other] {
        let count = message
            .matches(&format!("(through the proxy {})", proxy.address))
            .count();
        assert_eq!(count, 1, "{message}");
    }
}

#[tokio::test]
async fn a_connection_without_a_proxy_names_none() {
    let (listener, address) = listen::<String>().await;
    drop(listener);
    let uri = ServiceUri::new(provisioning_net::Scheme::Mqtts, address.parse().expect("an endpoint"));
    let connector = TlsConnector::new(trusting(&Ca::root()));
    let outcome = connector.connect(&Target::new(&uri), Progress::ignored()).await;
    let message = message(&outcome.err().expect("nobody listens"));
    assert!(!message.contains("proxy"), "{message}");
}
