//! Going on over a WebSocket when the port of MQTT is blocked, on paused time and over connectors in memory.

use std::{
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_mqtt::{
    BoxedStream, Connector, FallbackConnector, MqttOverStream, MqttTransport, Settings, TransportConfig,
};
use provisioning_types::{ConnectionStep, Endpoint, ErrorKind, PollingTransport, Progress, TransportError};
use tokio::{
    io::duplex,
    time::{Instant, timeout},
};

use crate::support::{bodies::ASSIGNING, certificates, device::request, peer::Peer, soon};

/// What one way does when it is asked to connect.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Serve,
    Hang,
    Refuse,
    CutTlsOff,
    PresentAStranger,
    Reject,
}

/// Connects as told, and writes down where it was asked to.
struct Scripted {
    does: Mutex<Does>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Connector for Scripted {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        self.asked.lock().expect("no panic").push(config.uri.to_string());
        let does = *self.does.lock().expect("no panic");
        match does {
            Does::Serve => {
                let (device, service) = duplex(4096);
                tokio::spawn(serve(Peer::new(service)));
                Ok(Box::new(device))
            }
            Does::Hang => pending().await,
            Does::Refuse => Err(TransportError::new(ErrorKind::Connect, "nobody listens")
                .with_source(io::Error::from(io::ErrorKind::ConnectionRefused))),
            Does::CutTlsOff => Err(TransportError::new(ErrorKind::Tls, "cut off")
                .with_source(io::Error::from(io::ErrorKind::UnexpectedEof))),
            Does::PresentAStranger => {
                let stranger = rustls::Error::from(rustls::CertificateError::UnknownIssuer);
                Err(TransportError::new(ErrorKind::Tls, "a stranger").with_source(io::Error::other(stranger)))
            }
            Does::Reject => Err(TransportError::new(ErrorKind::Unauthorized, "rejected")),
        }
    }
}

async fn serve(mut peer: Peer) {
    peer.welcome().await;
    let request = peer.request().await;
    peer.acknowledge(&request).await;
    peer.answer(&request, "202", ASSIGNING).await;
    peer.left().await;
}

/// Both ways, and what is seen of them.
struct Ways {
    first: Arc<Scripted>,
    second: Arc<Scripted>,
    asked: Arc<Mutex<Vec<String>>>,
    transport: MqttTransport,
}

const MQTT: &str = "mqtts://service.test";
const WEBSOCKET: &str = "wss://service.test:443/$iothub/websocket";

impl Ways {
    fn new(first: Does, second: Does) -> Self {
        Self::with(first, second, |connector| connector)
    }

    fn with(first: Does, second: Does, change: impl FnOnce(FallbackConnector) -> FallbackConnector) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let scripted = |does| {
            Arc::new(Scripted {
                does: Mutex::new(does),
                asked: Arc::clone(&asked),
            })
        };
        let (first, second) = (scripted(first), scripted(second));
        let connector = change(FallbackConnector::new(first.clone(), second.clone()));
        let base = MqttOverStream::new(Arc::new(connector));
        let credential = certificates::any_credential();
        let endpoint = "service.test".parse().expect("a host");
        Self {
            first,
            second,
            asked: Arc::clone(&asked),
            transport: MqttTransport::mqtt(Arc::new(base), endpoint, credential, Settings::default()),
        }
    }

    fn now(&self, first: Does, second: Does) {
        *self.first.does.lock().expect("no panic") = first;
        *self.second.does.lock().expect("no panic") = second;
    }

    /// Registers at `endpoint` and leaves; returns the outcome and the steps.
    async fn register_at(&self, endpoint: &Endpoint) -> (Result<(), TransportError>, Vec<ConnectionStep>) {
        let steps = Arc::<Mutex<Vec<ConnectionStep>>>::default();
        let listener = Arc::clone(&steps);
        let progress = Progress::new(move |step| listener.lock().expect("no panic").push(step));
        let request = request().with_endpoint(endpoint.clone());
        let outcome = soon("an outcome", self.transport.registration_request(&request, &progress)).await;
        self.transport.disconnect().await.expect("left");
        let steps = steps.lock().expect("no panic").clone();
        (outcome.map(drop), steps)
    }

    async fn register(&self) -> Result<(), TransportError> {
        self.register_at(&"service.test".parse().expect("a host")).await.0
    }

    /// Where it was connected to since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_open_is_all_that_is_tried() {
    let ways = Ways::new(Does::Serve, Does::Serve);
    ways.register().await.expect("an answer");
    assert_eq!(ways.asked(), [MQTT]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_port_is_followed_by_the_websocket() {
    for blocked in [Does::Refuse, Does::CutTlsOff, Does::Hang] {
        let ways = Ways::new(blocked, Does::Serve);
        ways.register().await.expect("an answer");
        assert_eq!(ways.asked(), [MQTT, WEBSOCKET], "{blocked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_accepted_or_a_refusal_is_no_blocked_port() {
    for (failing, kind) in [
        (Does::PresentAStranger, ErrorKind::Tls),
        (Does::Reject, ErrorKind::Unauthorized),
    ] {
        let ways = Ways::new(failing, Does::Serve);
        let error = ways.register().await.expect_err("it fails at once");
        assert_eq!((error.kind(), ways.asked()), (kind, vec![MQTT.to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_port_costs_the_limit_and_no_more() {
    for (limit, seconds) in [(None, 10), (Some(Duration::from_secs(3)), 3)] {
        let ways = Ways::with(Does::Hang, Does::Serve, |connector| match limit {
            Some(limit) => connector.with_limit(limit),
            None => connector,
        });
        let start = Instant::now();
        ways.register().await.expect("an answer");
        // Virtual time.
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_tried_first_the_next_time_at_that_endpoint_only() {
    let ways = Ways::new(Does::Refuse, Does::Serve);
    ways.register().await.expect("an answer");
    ways.asked();
    ways.register().await.expect("an answer");
    assert_eq!(ways.asked(), [WEBSOCKET]);
    for (other, uri) in [
        ("service.test:1", "mqtts://service.test:1"),
        ("other.test", "mqtts://other.test"),
    ] {
        let (outcome, _) = ways.register_at(&other.parse().expect("an endpoint")).await;
        outcome.expect("an answer");
        assert_eq!(ways.asked()[0], uri);
    }
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_forgotten_when_it_fails() {
    let ways = Ways::new(Does::Refuse, Does::Serve);
    ways.register().await.expect("an answer");
    ways.asked();
    ways.now(Does::Serve, Does::Refuse);
    ways.register().await.expect("an answer");
    assert_eq!(ways.asked(), [WEBSOCKET, MQTT]);
    ways.register().await.expect("an answer");
    assert_eq!(ways.asked(), [MQTT]);
}

#[tokio::test(start_paused = true)]
async fn each_try_is_reported_once_and_in_order() {
    let connecting = |uri: &str| ConnectionStep::Connecting { uri: uri.to_owned() };
    let ways = Ways::new(Does::Refuse, Does::Serve);
    let endpoint = "service.test".parse().expect("a host");
    let (_, steps) = ways.register_at(&endpoint).await;
    let expected = [connecting(MQTT), connecting(WEBSOCKET), ConnectionStep::Connected];
    assert_eq!(steps, expected);
    let (_, steps) = ways.register_at(&endpoint).await;
    assert_eq!(
        steps,
        [connecting(WEBSOCKET), ConnectionStep::Connected],
        "what worked last comes first"
    );
}

#[tokio::test(start_paused = true)]
async fn the_websocket_has_a_port_of_its_own() {
    let ways = Ways::new(Does::Refuse, Does::Serve);
    let endpoint: Endpoint = "service.test:18883".parse().expect("an endpoint");
    let endpoint = endpoint.with_websocket_port(8443).expect("a port");
    ways.register_at(&endpoint).await.0.expect("an answer");
    assert_eq!(
        ways.asked(),
        [
            "mqtts://service.test:18883",
            "wss://service.test:8443/$iothub/websocket"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_error_tells_of_both_and_has_the_more_telling_kind() {
    for (first, second, kind) in [
        (Does::CutTlsOff, Does::Refuse, ErrorKind::Tls),
        (Does::Refuse, Does::CutTlsOff, ErrorKind::Connect),
        (Does::Refuse, Does::PresentAStranger, ErrorKind::Tls),
        (Does::Hang, Does::Reject, ErrorKind::Unauthorized),
        (Does::Hang, Does::Hang, ErrorKind::Connect),
    ] {
        let error = Ways::new(first, second).register().await.expect_err("both fail");
        assert_eq!(error.kind(), kind, "{first:?} {second:?}");
        let told = error.to_string();
        assert!(told.contains(MQTT) && told.contains(WEBSOCKET), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_dropped_half_way_leaves_no_mark() {
    let ways = Ways::new(Does::Hang, Does::Hang);
    for seconds in [1, 11] {
        let limit = Duration::from_secs(seconds);
        assert!(timeout(limit, ways.register()).await.is_err(), "it hangs");
        ways.transport.cancel().await.expect("cancelled");
    }
    assert_eq!(ways.asked(), [MQTT, MQTT, WEBSOCKET]);
    ways.now(Does::Serve, Does::Serve);
    ways.register().await.expect("an answer");
    assert_eq!(ways.asked(), [MQTT]);
}
