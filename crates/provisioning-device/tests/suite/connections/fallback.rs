//! MQTT where its port is open, and otherwise a WebSocket.

use std::time::Duration;

use provisioning_device::{Builder, ErrorKind, StatusEvent, Transport};
use provisioning_emulator::Emulator;
use test_support::emulator::{local_dps, start, x509};
use tokio::net::TcpListener;

use crate::support::builder;

fn falling_back(emulator: &Emulator, mqtt_port: u16) -> Builder {
    let identity = emulator.issue_device("device-1").expect("a device");
    builder(emulator, x509(&identity), Transport::MqttWithWebSocketFallback)
        .with_host(format!("localhost:{mqtt_port}"))
        .with_websocket_port(emulator.websocket_port())
}

/// Registers, and returns where it connected to, in order.
async fn connections(builder: Builder) -> Vec<String> {
    let client = builder.build().expect("valid");
    let mut events = client.events();
    client.register().await.expect("assigned");
    drop(client);
    let mut uris = vec![];
    while let Some(event) = events.next().await {
        if let StatusEvent::Connecting { uri, .. } = event.event {
            uris.push(uri);
        }
    }
    uris
}

#[tokio::test]
async fn an_open_port_is_used_and_the_other_is_left_alone() {
    let emulator = start(local_dps()).await;
    let uris = connections(falling_back(&emulator, emulator.mqtt_port())).await;
    assert_eq!(uris, [format!("mqtts://localhost:{}", emulator.mqtt_port())]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_port_that_refuses_or_stays_silent_leads_to_the_websocket_at_once() {
    let emulator = start(local_dps()).await;
    let listener = TcpListener::bind("localhost:0").await.expect("a socket");
    let silent = listener.local_addr().expect("an address").port();
    let websocket = format!("wss://localhost:{}/$iothub/websocket", emulator.websocket_port());
    // Real time: the peer is a real socket that stays silent.
    let limit = Duration::from_secs(2);
    // By default an attempt takes twelve seconds, which is more than the registration has.
    let builder = falling_back(&emulator, silent)
        .with_fallback_after(limit)
        .with_timeout(Duration::from_secs(11));
    let uris = connections(builder).await;
    assert_eq!(uris, [format!("mqtts://localhost:{silent}"), websocket.clone()]);
    drop(listener);
    let uris = connections(falling_back(&emulator, silent)).await;
    assert_eq!(uris, [format!("mqtts://localhost:{silent}"), websocket]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn what_worked_is_tried_first_the_next_time() {
    let emulator = start(local_dps()).await;
    let client = falling_back(&emulator, 1).build().expect("valid");
    client.register().await.expect("assigned");
    let mut events = client.events();
    client.register().await.expect("assigned");
    let first = events.next().await.expect("an event").event;
    assert!(
        matches!(&first, StatusEvent::Connecting { uri, .. } if uri.starts_with("wss")),
        "{first:?}"
    );
    assert_eq!(
        events.try_next().map(|event| event.event),
        Some(StatusEvent::Connected),
        "at once"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_no_blocked_port() {
    let emulator = start(local_dps()).await;
    let stranger = local_dps().start_in_memory().expect("another CA");
    let client = falling_back(&emulator, emulator.mqtt_port()).with_ca_pem(stranger.ca_pem());
    let client = client.build().expect("valid");
    let error = client.register().await.expect_err("not trusted");
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(!error.to_string().contains("wss"), "{error}");
    emulator.shutdown().await;
}
