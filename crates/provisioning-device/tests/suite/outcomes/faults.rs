//! A device against a service that goes wrong on purpose: every fault ends as it should, over MQTT and over WebSocket,
//! and the same client registers afterwards. In paused time, what goes wrong with the WebSocket's upgrade over sockets.

use provisioning_client::{Policy, RegistrationClient};
use provisioning_device::{ErrorKind, Transport};
use provisioning_emulator::{Emulator, Fault, LogKind, Port};
use provisioning_mqtt::MqttOptions;
use test_support::emulator::{credential, local_dps, request, start, start_in_memory};

use crate::support::{builder, in_memory::client};
use ErrorKind::{Lost, Refused, Service, Throttled, Timeout, Unauthorized, UnexpectedResponse};

/// What ends in an assignment all the same.
const ASSIGNED: Option<ErrorKind> = None;

/// A fault, and how a registration that meets it ends.
const FAULTS: &[(&str, Option<ErrorKind>)] = &[
    // TCP: in memory a connection is there already, so it is TLS that fails.
    (r#"{"name": "refuse", "step": "tcp"}"#, Some(Lost)),
    (r#"{"name": "close", "step": "tcp"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tcp"}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "tcp"}"#, Some(ErrorKind::Tls)),
    (r#"{"name": "delay", "step": "tcp", "seconds": 20}"#, ASSIGNED),
    (r#"{"name": "delay", "step": "tcp", "seconds": 40}"#, Some(Timeout)),
    (r#"{"name": "withhold", "step": "tcp"}"#, Some(Timeout)),
    (r#"{"name": "close", "step": "tcp", "afterSent": 1}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tcp", "afterSent": 500}"#, Some(Lost)),
    (r#"{"name": "close", "step": "tcp", "afterReceived": 1}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tcp", "afterReceived": 100}"#, Some(Lost)),
    (r#"{"name": "split", "step": "tcp"}"#, ASSIGNED),
    // TLS.
    (r#"{"name": "refuse", "step": "tls"}"#, Some(ErrorKind::Tls)),
    (r#"{"name": "refuse", "step": "tls", "device": "device-1"}"#, Some(Lost)),
    (r#"{"name": "close", "step": "tls"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tls"}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "tls"}"#, Some(ErrorKind::Tls)),
    (r#"{"name": "delay", "step": "tls", "seconds": 20}"#, ASSIGNED),
    (r#"{"name": "withhold", "step": "tls"}"#, Some(Timeout)),
    (r#"{"name": "close", "step": "tls", "device": "device-1"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tls", "device": "device-1"}"#, Some(Lost)),
    (
        r#"{"name": "withhold", "step": "tls", "device": "device-1"}"#,
        Some(Timeout),
    ),
    (r#"{"name": "close", "step": "tls", "afterSent": 3}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tls", "afterSent": 3}"#, Some(Lost)),
    (r#"{"name": "close", "step": "tls", "afterReceived": 3}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "tls", "afterReceived": 3}"#, Some(Lost)),
    (r#"{"name": "split", "step": "tls", "size": 8}"#, ASSIGNED),
    // CONNACK.
    (r#"{"name": "refuse", "step": "connack"}"#, Some(Service)),
    (r#"{"name": "refuse", "step": "connack", "code": 1}"#, Some(Refused)),
    (r#"{"name": "refuse", "step": "connack", "code": 2}"#, Some(Refused)),
    (
        r#"{"name": "refuse", "step": "connack", "code": 4}"#,
        Some(Unauthorized),
    ),
    (
        r#"{"name": "refuse", "step": "connack", "code": 5}"#,
        Some(Unauthorized),
    ),
    (r#"{"name": "delay", "step": "connack", "seconds": 20}"#, ASSIGNED),
    (r#"{"name": "withhold", "step": "connack"}"#, Some(Timeout)),
    (r#"{"name": "close", "step": "connack"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "connack"}"#, Some(Lost)),
    (r#"{"name": "close", "step": "connack", "afterSent": 1}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "connack", "afterSent": 3}"#, Some(Lost)),
    (r#"{"name": "close", "step": "connack", "afterSent": 4}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "connack"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "split", "step": "connack"}"#, ASSIGNED),
    (r#"{"name": "duplicate", "step": "connack"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "join", "step": "connack"}"#, Some(Timeout)),
    (r#"{"name": "reorder", "step": "connack"}"#, Some(Timeout)),
    // SUBACK.
    (r#"{"name": "refuse", "step": "suback"}"#, Some(Refused)),
    (r#"{"name": "delay", "step": "suback", "seconds": 20}"#, ASSIGNED),
    (r#"{"name": "withhold", "step": "suback"}"#, Some(Timeout)),
    (r#"{"name": "close", "step": "suback"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "suback"}"#, Some(Lost)),
    (r#"{"name": "close", "step": "suback", "afterSent": 4}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "suback"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "split", "step": "suback"}"#, ASSIGNED),
    (r#"{"name": "duplicate", "step": "suback"}"#, ASSIGNED),
    // PUBACK.
    (r#"{"name": "delay", "step": "puback", "seconds": 1}"#, ASSIGNED),
    (r#"{"name": "delay", "step": "puback", "seconds": 40}"#, ASSIGNED),
    (r#"{"name": "withhold", "step": "puback"}"#, ASSIGNED),
    (r#"{"name": "withhold", "step": "puback", "count": "always"}"#, ASSIGNED),
    (r#"{"name": "close", "step": "puback"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "puback"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "puback", "afterSent": 2}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "puback"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "split", "step": "puback"}"#, ASSIGNED),
    (r#"{"name": "duplicate", "step": "puback"}"#, ASSIGNED),
    (r#"{"name": "reorder", "step": "puback", "count": "always"}"#, ASSIGNED),
    (r#"{"name": "join", "step": "puback", "count": "always"}"#, ASSIGNED),
    // The answer.
    (r#"{"name": "refuse", "step": "answer"}"#, ASSIGNED),
    (
        r#"{"name": "refuse", "step": "answer", "count": "always"}"#,
        Some(Service),
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 429, "retryAfter": 7}"#,
        ASSIGNED,
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 429, "retryAfter": 7000}"#,
        Some(Throttled),
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 400}"#,
        Some(ErrorKind::BadRequest),
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 401}"#,
        Some(Unauthorized),
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 404}"#,
        Some(ErrorKind::NotFound),
    ),
    (
        r#"{"name": "refuse", "step": "answer", "code": 409}"#,
        Some(ErrorKind::Conflict),
    ),
    (r#"{"name": "refuse", "step": "answer", "code": 410}"#, Some(Refused)),
    (r#"{"name": "delay", "step": "answer", "seconds": 20}"#, ASSIGNED),
    (r#"{"name": "delay", "step": "answer", "seconds": 40}"#, Some(Timeout)),
    (r#"{"name": "withhold", "step": "answer"}"#, Some(Timeout)),
    (r#"{"name": "close", "step": "answer"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "answer"}"#, Some(Lost)),
    (r#"{"name": "close", "step": "answer", "afterSent": 1}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "answer", "afterSent": 50}"#, Some(Lost)),
    (r#"{"name": "garbage", "step": "answer"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "split", "step": "answer", "count": "always"}"#, ASSIGNED),
    (
        r#"{"name": "duplicate", "step": "answer", "count": "always"}"#,
        ASSIGNED,
    ),
    (r#"{"name": "wrongRequestId"}"#, Some(Timeout)),
    (r#"{"name": "wrongRequestId", "requestId": ""}"#, Some(Timeout)),
    (
        r#"{"name": "wrongRequestId", "beside": true, "count": "always"}"#,
        ASSIGNED,
    ),
    (r#"{"name": "foreignRequestId"}"#, Some(Timeout)),
    (
        r#"{"name": "foreignRequestId", "beside": true, "count": "always"}"#,
        ASSIGNED,
    ),
    (r#"{"name": "assigning", "count": 5}"#, ASSIGNED),
    (r#"{"name": "assigning", "count": "always"}"#, Some(Timeout)),
    (r#"{"name": "body", "body": ""}"#, Some(UnexpectedResponse)),
    (r#"{"name": "body", "body": "garbage"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "body", "body": "[]"}"#, Some(UnexpectedResponse)),
    (
        r#"{"name": "body", "body": "{\"status\": \"assigned\"}"}"#,
        Some(UnexpectedResponse),
    ),
    (
        r#"{"name": "body", "body": "{\"status\": \"assigning\"}"}"#,
        Some(UnexpectedResponse),
    ),
    (r#"{"name": "truncatedBody"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "oversizedBody", "size": 100000}"#, ASSIGNED),
    (r#"{"name": "oversizedBody"}"#, Some(UnexpectedResponse)),
    // Leaving is spared: a device waits for UNSUBACK a moment only.
    (r#"{"name": "withhold", "step": "unsuback"}"#, ASSIGNED),
    (r#"{"name": "reset", "step": "unsuback"}"#, ASSIGNED),
];

/// Of the WebSocket's upgrade, over sockets: what the facade makes of it.
const UPGRADES: &[(&str, Option<ErrorKind>)] = &[
    (r#"{"name": "refuse", "step": "upgrade"}"#, Some(Service)),
    (r#"{"name": "refuse", "step": "upgrade", "code": 302}"#, Some(Refused)),
    (
        r#"{"name": "refuse", "step": "upgrade", "code": 401}"#,
        Some(Unauthorized),
    ),
    (
        r#"{"name": "refuse", "step": "upgrade", "code": 404}"#,
        Some(ErrorKind::NotFound),
    ),
    (r#"{"name": "close", "step": "upgrade"}"#, Some(Lost)),
    (r#"{"name": "reset", "step": "upgrade"}"#, Some(Lost)),
    (
        r#"{"name": "reset", "step": "upgrade", "device": "DEVICE-1", "afterSent": 20}"#,
        Some(Lost),
    ),
    (r#"{"name": "garbage", "step": "upgrade"}"#, Some(UnexpectedResponse)),
    (r#"{"name": "split", "step": "upgrade", "size": 8}"#, ASSIGNED),
];

#[tokio::test(start_paused = true)]
async fn every_fault_ends_as_it_should_and_the_same_client_registers_afterwards() {
    for port in [Port::Mqtt, Port::WebSocket] {
        let emulator = start_in_memory(Emulator::builder());
        let (other, client) = (
            client(&emulator, port, "other", MqttOptions::default(), Policy::default()),
            client(&emulator, port, "device-1", MqttOptions::default(), Policy::default()),
        );
        // Its request id is what a fault takes for a foreign one.
        assert_eq!(register(&other, &emulator, "other").await, ASSIGNED);
        for (words, expected) in FAULTS {
            emulator.clear_log();
            emulator.inject(serde_json::from_str::<Fault>(words).expect("a fault"));
            let outcome = register(&client, &emulator, "device-1").await;
            assert_eq!(outcome, *expected, "{port:?} with {words}");
            let happened = |kind| emulator.log().iter().any(|entry| entry.kind == kind);
            assert!(happened(LogKind::Fault), "{port:?} without {words}");
            assert!(
                !happened(LogKind::Panic),
                "{port:?} with {words}: a bug of the emulator"
            );
            emulator.clear_faults();
            let outcome = register(&client, &emulator, "device-1").await;
            assert_eq!(outcome, ASSIGNED, "{port:?} after {words}");
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_goes_wrong_ends_as_it_should_and_the_same_client_registers_afterwards() {
    let emulator = start(local_dps().polls_before_assigning(0)).await;
    let client = builder(&emulator, credential(&emulator, "device-1"), Transport::MqttWs);
    let client = client.build().expect("a client");
    for (words, expected) in UPGRADES {
        emulator.inject(serde_json::from_str::<Fault>(words).expect("a fault"));
        let outcome = client.register().await.err().map(|error| error.kind());
        assert_eq!(outcome, *expected, "with {words}");
        assert_eq!(emulator.faults(), [], "{words} has struck");
        let outcome = client.register().await.err().map(|error| error.kind());
        assert_eq!(outcome, ASSIGNED, "after {words}");
    }
}

/// How a registration ends. The transport is left afterwards, as the facade does.
async fn register(client: &RegistrationClient, emulator: &Emulator, device: &str) -> Option<ErrorKind> {
    let outcome = client.register(request(emulator, device)).await;
    client.disconnect().await.expect("left");
    outcome.err().map(|error| error.kind())
}
