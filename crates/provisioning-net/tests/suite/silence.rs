//! Peers that do not answer. Nothing ever arrives on these sockets, so the paused clock skips no arrival.

use std::{
    net::{self, SocketAddr},
    time::Duration,
};

use provisioning_net::{
    AddressOutcome, BoxedStream, Connector, FallbackConnector, Proxy, Target, TcpConnector, TlsConnector,
    WebSocketConnector,
};
use provisioning_types::{Endpoint, ErrorKind, Phase, Progress, TransportError};
use tokio::{
    net::{TcpListener, TcpSocket},
    time::Instant,
};

use test_support::{in_memory, listen, soon, tls::Ca};

use crate::support::{endpoint, mqtts, roots::Roots};

/// The default limit of [`TcpConnector`].
const CONNECT_TIMEOUT: Duration = Duration::from_secs(12);

/// A port whose queue of connections is full: it answers no further one, as behind a firewall that drops packets.
pub(crate) struct SilentPort {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<net::TcpStream>,
}

impl SilentPort {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let next = || net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let queue: Vec<_> = std::iter::from_fn(next).take(100).collect();
        assert!(queue.len() < 100, "the queue is not bounded");
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

async fn connect(connector: &TcpConnector, address: &str) -> Result<BoxedStream, TransportError> {
    let uri = mqtts(address.parse().expect("an endpoint"));
    let target = Target::new(&uri);
    soon("an outcome", connector.connect(&target, Progress::ignored())).await
}

/// Fails with [`ErrorKind::Connect`] after exactly this time.
async fn fails_after(limit: Duration, connector: &TcpConnector, address: &str) -> TransportError {
    let start = Instant::now();
    let error = connect(connector, address).await.err().expect("nothing answers");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Some(Phase::Connect))
    );
    let elapsed = start.elapsed();
    assert!(
        limit <= elapsed && elapsed < limit + Duration::from_secs(1),
        "{elapsed:?}"
    );
    error
}

#[tokio::test(start_paused = true)]
async fn a_silent_port_is_a_connect_error_within_12_s() {
    let port = SilentPort::new();
    let error = fails_after(CONNECT_TIMEOUT, &TcpConnector::new(), &port.address.to_string()).await;
    let expected = format!(
        "127.0.0.1 was not reached on TCP port {}: no answer within 12 s",
        port.address.port()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_accepts_and_stays_silent_is_a_connect_error_that_names_the_proxy() {
    for (scheme, silence) in [
        ("http", "it accepted the connection and did not answer CONNECT"),
        ("socks5", "it accepted the connection and did not answer the greeting"),
    ] {
        let (listener, _) = listen::<Endpoint>().await;
        let address = listener.local_addr().expect("an address");
        let proxy: Proxy = format!("{scheme}://user:s3cret@{address}").parse().expect("a proxy");
        let connector = TcpConnector::new().with_proxy(proxy);
        let error = fails_after(CONNECT_TIMEOUT, &connector, "service.test:8883").await;
        let expected =
            format!("the proxy {scheme}://{address} did not connect to service.test:8883 within 12 s: {silence}");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_not_reached_is_named_too() {
    let port = SilentPort::new();
    let proxy: Proxy = format!("http://{}", port.address).parse().expect("a proxy");
    let connector = TcpConnector::new().with_proxy(proxy);
    let error = fails_after(CONNECT_TIMEOUT, &connector, "service.test:8883").await;
    let message = error.to_string();
    assert!(
        message.contains(&format!("the proxy http://{} was not reached", port.address)),
        "{message}"
    );
    assert!(
        error.hint().starts_with("check the proxy's address and port"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_limit_can_be_set() {
    let port = SilentPort::new();
    let limit = Duration::from_millis(2500);
    let connector = TcpConnector::new().with_connect_timeout(limit);
    assert_eq!(
        (TcpConnector::new().connect_timeout(), connector.connect_timeout()),
        (CONNECT_TIMEOUT, limit)
    );
    let error = fails_after(limit, &connector, &port.address.to_string()).await;
    assert!(error.to_string().ends_with("no answer within 2.5 s"), "{error}");
}

/// A TCP connection to the silent port, then this one to the other port.
fn silent_port_then<C: Connector>(second: C) -> (SilentPort, Endpoint, FallbackConnector<TcpConnector, C>) {
    let port = SilentPort::new();
    let endpoint = port.address.to_string().parse().expect("an endpoint");
    (port, endpoint, FallbackConnector::new(TcpConnector::new(), second))
}

#[tokio::test(start_paused = true)]
async fn a_fallback_goes_on_after_a_silent_port() {
    let (second, _service) = in_memory();
    let (_port, endpoint, connector) = silent_port_then(second);
    let (uri, start) = (mqtts(endpoint), Instant::now());
    let outcome = soon("an outcome", connector.connect(&Target::new(&uri), Progress::ignored())).await;
    outcome.expect("the second route");
    assert_eq!(start.elapsed().as_secs(), CONNECT_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_fallback_keeps_the_outcome_of_the_address_whatever_the_limit_of_an_attempt() {
    for limit in [CONNECT_TIMEOUT, Duration::from_secs(3)] {
        let (second, service) = in_memory();
        drop(service);
        let (port, endpoint, connector) = silent_port_then(second);
        let connector = connector.with_attempt_timeout(limit);
        let uri = mqtts(endpoint);
        let outcome = soon("an outcome", connector.connect(&Target::new(&uri), Progress::ignored())).await;
        let error = outcome.err().expect("both fail");
        assert_eq!(error.kind(), ErrorKind::Connect);
        let expected = format!(
            "was not reached on TCP port {}: no answer within {} s; ",
            port.address.port(),
            limit.as_secs()
        );
        assert!(error.to_string().contains(&expected), "{error}");
        assert!(error.hint().contains("may block both ports"), "{}", error.hint());
    }
}

fn tls() -> provisioning_net::Tls {
    provisioning_net::Tls::new().with_only_roots(Roots::of(&[&Ca::root()]))
}

#[tokio::test(start_paused = true)]
async fn a_fallback_goes_on_after_a_silent_handshake_and_names_it_when_both_are_silent() {
    let ((tls_below, _tls_service), (websocket_below, _websocket_service)) = (in_memory(), in_memory());
    let uri = mqtts(endpoint());
    let target = Target::new(&uri);
    let (second, _service) = in_memory();
    let connector = FallbackConnector::new(TlsConnector::over(tls_below.clone(), tls()), second);
    let outcome = soon("an outcome", connector.connect(&target, Progress::ignored())).await;
    outcome.expect("the second route");
    let connector = FallbackConnector::new(
        TlsConnector::over(tls_below, tls()),
        WebSocketConnector::new(websocket_below),
    );
    let outcome = soon("an outcome", connector.connect(&target, Progress::ignored())).await;
    let error = outcome.err().expect("both are silent");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (
            ErrorKind::Timeout,
            "mqtts://service.test: no TLS handshake with service.test:8883 within 12 s, the limit of each way; \
             wss://service.test:443/$iothub/websocket: no WebSocket handshake with service.test:443 within 12 s, the \
             limit of each way"
        )
    );
    assert!(
        error
            .hint()
            .starts_with("both ports accept connections and do not answer"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_has_the_same_limit_and_keeps_the_outcome_of_each_address() {
    let port = SilentPort::new();
    let uri = mqtts(port.address.to_string().parse().expect("an endpoint"));
    let probe = soon("a probe", TlsConnector::new(tls()).probe(&Target::new(&uri))).await;
    assert_eq!(probe.error().map(TransportError::kind), Some(ErrorKind::Connect));
    assert!(!probe.is_reached());
    let [attempt] = probe.attempts() else {
        panic!("one address: {:?}", probe.attempts());
    };
    assert_eq!(
        (attempt.address(), attempt.outcome()),
        (port.address, &AddressOutcome::NoAnswer(CONNECT_TIMEOUT))
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_a_silent_tls_port_is_a_timeout_of_tls() {
    let (_listener, endpoint) = listen::<Endpoint>().await;
    let uri = mqtts(endpoint);
    let probe = soon("a probe", TlsConnector::new(tls()).probe(&Target::new(&uri))).await;
    assert!(probe.is_reached());
    let error = probe.error().expect("no TLS");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Some(Phase::Connect))
    );
    assert!(
        error.to_string().ends_with("did not complete TLS within 12 s"),
        "{error}"
    );
    assert!(error.hint().contains("a VPN whose MTU is too large"), "{error:?}");
}
