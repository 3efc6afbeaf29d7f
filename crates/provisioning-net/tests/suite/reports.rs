//! Each connector reports exactly the URIs that it tries, in order.

use std::sync::Arc;

use provisioning_net::{
    Connector, FallbackConnector, Proxy, Scheme, ServiceUri, Target, TcpConnector, TlsConnector, WebSocketConnector,
};
use provisioning_types::{Endpoint, Phase};
use test_support::{
    in_memory, listen,
    proxy::{Kind, Proxy as RunningProxy, SERVICE},
    tls::Ca,
};

use crate::{
    support::{connect_and_report, endpoint, mqtts, roots::Roots},
    tls::server::trusting,
};

const MQTT: &str = "mqtts://service.test";
const WEBSOCKET: &str = "wss://service.test:443/$iothub/websocket";

/// Connects in memory, to a service that closes each connection at once.
fn closing() -> impl Connector + Clone + 'static {
    let (connector, incoming) = in_memory();
    tokio::spawn(async move {
        loop {
            drop(incoming.next().await);
        }
    });
    connector
}

/// What `connector` reports when it connects to the usual endpoint under its own scheme.
async fn reported(connector: impl Connector) -> Vec<String> {
    let uri = ServiceUri::new(connector.scheme(), endpoint());
    connect_and_report(&connector, &Target::new(&uri)).await.1
}

#[tokio::test]
async fn tcp_reports_its_uri_once_whatever_comes_of_it() {
    let (listener, endpoint) = listen().await;
    let uri = mqtts(endpoint);
    let (outcome, reported) = connect_and_report(&TcpConnector::new(), &Target::new(&uri)).await;
    assert!(outcome.is_ok());
    assert_eq!(reported, [uri.to_string()]);
    drop(listener);
    let (outcome, reported) = connect_and_report(&TcpConnector::new(), &Target::new(&uri)).await;
    assert!(outcome.is_err());
    assert_eq!(reported, [uri.to_string()]);
}

#[tokio::test]
async fn through_a_proxy_it_is_the_services_uri_that_is_reported() {
    let (_listener, service) = listen::<Endpoint>().await;
    let running = RunningProxy::start(Kind::Http, false).await;
    let proxy: Proxy = running.url("").parse().expect("a proxy");
    let connector = TcpConnector::new().with_proxy(proxy);
    let service = service.with_host(SERVICE.parse().expect("a host"));
    let uri = mqtts(service);
    let (outcome, reported) = connect_and_report(&connector, &Target::new(&uri)).await;
    assert!(outcome.is_ok(), "{:?}", outcome.err());
    assert_eq!(reported, [uri.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn the_connectors_above_the_first_report_nothing_more() {
    let tls_over = |inner| TlsConnector::over(inner, trusting(&Ca::root()));
    assert_eq!(reported(closing()).await, [MQTT]);
    assert_eq!(reported(tls_over(closing())).await, [MQTT]);
    assert_eq!(
        reported(WebSocketConnector::new(tls_over(closing()))).await,
        [WEBSOCKET]
    );
    assert_eq!(
        reported(Arc::new(WebSocketConnector::new(closing()))).await,
        [WEBSOCKET]
    );
    let shared: Arc<dyn Connector> = Arc::new(tls_over(closing()));
    assert_eq!(reported(shared).await, [MQTT]);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_reports_both_uris_if_it_tries_both() {
    let tls_over = |inner| TlsConnector::over(inner, trusting(&Ca::root()));
    let websocket = || WebSocketConnector::new(tls_over(closing()));
    // TLS is cut off.
    let both = FallbackConnector::new(tls_over(closing()), websocket());
    assert_eq!(reported(both).await, [MQTT, WEBSOCKET]);
    let connected = FallbackConnector::new(closing(), websocket());
    assert_eq!(reported(connected).await, [MQTT]);
    let reversed = FallbackConnector::new(websocket(), closing());
    assert_eq!(reversed.scheme(), Scheme::Wss);
    assert_eq!(reported(reversed).await, [WEBSOCKET, MQTT]);
}

#[tokio::test(start_paused = true)]
async fn roots_that_cannot_be_used_are_reported_as_no_attempt() {
    let tls = provisioning_net::Tls::new().with_only_roots(Roots::of(&[]));
    let connector = TlsConnector::over(closing(), tls);
    let uri = mqtts(endpoint());
    let (outcome, reported) = connect_and_report(&connector, &Target::new(&uri)).await;
    assert!(reported.is_empty());
    let error = outcome.err().expect("no roots");
    assert_eq!(error.phase(), Some(Phase::Connect), "{error:?}");
}

#[test]
fn a_target_has_the_defaults_that_are_documented() {
    let uri = mqtts("h.test:1".parse::<Endpoint>().expect("an endpoint"));
    let target = Target::new(&uri);
    assert_eq!((target.uri(), target.certificate()), (&uri, None));
    assert_eq!(target.max_message_size(), 1024 * 1024);
    assert_eq!(target.with_max_message_size(7).max_message_size(), 7);
}
