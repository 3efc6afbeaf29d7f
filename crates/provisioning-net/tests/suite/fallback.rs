//! Going on over a WebSocket when the port of MQTT is blocked, on paused time and over connectors in memory.

use std::{
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_net::{BoxedStream, Connector, FallbackConnector, Scheme, ServiceUri, Target};
use provisioning_types::{Endpoint, ErrorKind, Progress, ServiceError, TransportError, WaitStep};
use tokio::{
    io::duplex,
    time::{Instant, sleep, timeout},
};

use crate::support::{connect_and_report, endpoint};

/// What one connector does when it is asked to connect.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Serve,
    Hang,
    /// Waits for 100 s for its turn with the device's key, and then hangs.
    AwaitTheKeyAndHang,
    Refuse,
    CutTlsOff,
    PresentAStranger,
    Reject,
}

/// Connects as told, and writes down where it was asked to.
struct Scripted {
    scheme: Scheme,
    does: Mutex<Does>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Connector for Scripted {
    fn scheme(&self) -> Scheme {
        self.scheme
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        self.asked.lock().expect("no panic").push(target.uri().to_string());
        let does = *self.does.lock().expect("no panic");
        match does {
            Does::Serve => Ok(Box::new(duplex(4096).0)),
            Does::Hang => pending().await,
            Does::AwaitTheKeyAndHang => {
                progress.waiting_for(WaitStep::Credential, "this device");
                sleep(Duration::from_secs(100)).await;
                progress.waiting_for(WaitStep::Tls, "service.test:8883");
                pending().await
            }
            Does::Refuse => Err(TransportError::new(ErrorKind::Connect, "nobody listens")
                .with_source(io::Error::from(io::ErrorKind::ConnectionRefused))),
            Does::CutTlsOff => Err(TransportError::new(ErrorKind::Lost, "cut off")
                .with_source(io::Error::from(io::ErrorKind::UnexpectedEof))),
            Does::PresentAStranger => {
                let stranger = rustls::Error::from(rustls::CertificateError::UnknownIssuer);
                Err(TransportError::new(ErrorKind::Tls, "a stranger").with_source(io::Error::other(stranger)))
            }
            Does::Reject => Err(TransportError::refused_by_service(ServiceError::from_body(401, b""))),
        }
    }
}

/// Both routes, and what is seen of them.
struct Routes {
    first: Arc<Scripted>,
    second: Arc<Scripted>,
    asked: Arc<Mutex<Vec<String>>>,
    connector: FallbackConnector<Arc<Scripted>, Arc<Scripted>>,
}

const MQTT: &str = "mqtts://service.test";
const WEBSOCKET: &str = "wss://service.test:443/$iothub/websocket";

impl Routes {
    fn new(first: Does, second: Does) -> Self {
        Self::with_attempt_timeout(first, second, None)
    }

    fn with_attempt_timeout(first: Does, second: Does, timeout: Option<Duration>) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let scripted = |scheme, does| {
            Arc::new(Scripted {
                scheme,
                does: Mutex::new(does),
                asked: Arc::clone(&asked),
            })
        };
        let (first, second) = (scripted(Scheme::Mqtts, first), scripted(Scheme::Wss, second));
        let mut connector = FallbackConnector::new(first.clone(), second.clone());
        if let Some(timeout) = timeout {
            connector = connector.with_attempt_timeout(timeout);
        }
        Self {
            first,
            second,
            asked: Arc::clone(&asked),
            connector,
        }
    }

    fn now(&self, first: Does, second: Does) {
        *self.first.does.lock().expect("no panic") = first;
        *self.second.does.lock().expect("no panic") = second;
    }

    /// Connects to `endpoint`; returns the outcome and the URIs that were reported.
    async fn connect_to(&self, endpoint: Endpoint) -> (Result<(), TransportError>, Vec<String>) {
        let uri = ServiceUri::new(self.connector.scheme(), endpoint);
        let (outcome, reported) = connect_and_report(&self.connector, &Target::new(&uri)).await;
        (outcome.map(drop), reported)
    }

    async fn connect(&self) -> Result<(), TransportError> {
        self.connect_to(endpoint()).await.0
    }

    /// Where it was connected to since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_open_is_all_that_is_tried() {
    let routes = Routes::new(Does::Serve, Does::Serve);
    routes.connect().await.expect("a connection");
    assert_eq!(routes.asked(), [MQTT]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_port_is_followed_by_the_websocket() {
    for blocked in [Does::Refuse, Does::CutTlsOff, Does::Hang] {
        let routes = Routes::new(blocked, Does::Serve);
        routes.connect().await.expect("a connection");
        assert_eq!(routes.asked(), [MQTT, WEBSOCKET], "{blocked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_accepted_or_a_refusal_is_no_blocked_port() {
    for (failing, kind) in [
        (Does::PresentAStranger, ErrorKind::Tls),
        (Does::Reject, ErrorKind::Unauthorized),
    ] {
        let routes = Routes::new(failing, Does::Serve);
        let error = routes.connect().await.expect_err("it fails at once");
        assert_eq!((error.kind(), routes.asked()), (kind, vec![MQTT.to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_port_costs_the_limit_and_no_more() {
    for (limit, seconds) in [(None, 12), (Some(Duration::from_secs(3)), 3)] {
        let routes = Routes::with_attempt_timeout(Does::Hang, Does::Serve, limit);
        let start = Instant::now();
        routes.connect().await.expect("a connection");
        // Virtual time.
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

/// Nothing can be said of the port yet.
#[tokio::test(start_paused = true)]
async fn the_wait_for_the_devices_key_is_no_blocked_port() {
    let routes = Routes::new(Does::AwaitTheKeyAndHang, Does::Serve);
    let started = Instant::now();
    routes.connect().await.expect("a connection");
    assert_eq!(started.elapsed(), Duration::from_secs(112));
    assert_eq!(routes.asked(), [MQTT, WEBSOCKET]);
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_tried_first_the_next_time_at_that_endpoint_only() {
    let routes = Routes::new(Does::Refuse, Does::Serve);
    routes.connect().await.expect("a connection");
    routes.asked();
    routes.connect().await.expect("a connection");
    assert_eq!(routes.asked(), [WEBSOCKET]);
    for (other, uri) in [
        ("service.test:1", "mqtts://service.test:1"),
        ("other.test", "mqtts://other.test"),
    ] {
        let (outcome, _) = routes.connect_to(other.parse().expect("an endpoint")).await;
        outcome.expect("a connection");
        assert_eq!(routes.asked()[0], uri);
    }
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_forgotten_when_it_fails() {
    let routes = Routes::new(Does::Refuse, Does::Serve);
    routes.connect().await.expect("a connection");
    routes.asked();
    routes.now(Does::Serve, Does::Refuse);
    routes.connect().await.expect("a connection");
    assert_eq!(routes.asked(), [WEBSOCKET, MQTT]);
    routes.connect().await.expect("a connection");
    assert_eq!(routes.asked(), [MQTT]);
}

#[tokio::test(start_paused = true)]
async fn each_try_is_reported_once_and_in_order() {
    let routes = Routes::new(Does::Refuse, Does::Serve);
    let (_, reported) = routes.connect_to(endpoint()).await;
    assert_eq!(reported, [MQTT, WEBSOCKET]);
    let (_, reported) = routes.connect_to(endpoint()).await;
    assert_eq!(reported, [WEBSOCKET], "what worked last comes first");
}

#[tokio::test(start_paused = true)]
async fn the_websocket_has_a_port_of_its_own() {
    let routes = Routes::new(Does::Refuse, Does::Serve);
    let endpoint: Endpoint = "service.test:18883".parse().expect("an endpoint");
    let endpoint = endpoint.with_websocket_port(8443).expect("a port");
    routes.connect_to(endpoint).await.0.expect("a connection");
    assert_eq!(
        routes.asked(),
        [
            "mqtts://service.test:18883",
            "wss://service.test:8443/$iothub/websocket"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn when_both_fail_the_error_tells_of_both_and_has_the_more_telling_kind() {
    for (first, second, kind) in [
        (Does::CutTlsOff, Does::Refuse, ErrorKind::Lost),
        (Does::Refuse, Does::CutTlsOff, ErrorKind::Connect),
        (Does::Refuse, Does::PresentAStranger, ErrorKind::Tls),
        (Does::Hang, Does::Reject, ErrorKind::Unauthorized),
        (Does::Hang, Does::Hang, ErrorKind::Connect),
    ] {
        let error = Routes::new(first, second).connect().await.expect_err("both fail");
        assert_eq!(error.kind(), kind, "{first:?} {second:?}");
        let told = error.to_string();
        assert!(told.contains(MQTT) && told.contains(WEBSOCKET), "{told}");
        let status = error.service().map(ServiceError::status);
        assert_eq!(status, (second == Does::Reject).then_some(401), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_dropped_half_way_leaves_no_mark() {
    let routes = Routes::new(Does::Hang, Does::Hang);
    for seconds in [1, 13] {
        let limit = Duration::from_secs(seconds);
        assert!(timeout(limit, routes.connect()).await.is_err(), "it hangs");
    }
    assert_eq!(routes.asked(), [MQTT, MQTT, WEBSOCKET]);
    routes.now(Does::Serve, Does::Serve);
    routes.connect().await.expect("a connection");
    assert_eq!(routes.asked(), [MQTT]);
}
