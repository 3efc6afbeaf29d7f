//! Every setter with values at the ends of its range: a registration ends, with an outcome or an error, and nothing
//! panics. In memory and in paused time.

use std::{sync::Arc, time::Duration};

use provisioning_device::{
    Builder, Connector, Endpoint, ErrorKind, MqttOptions, NextAssignment, Policy, ProvisioningDeviceClient, Recovery,
    ReprovisioningPolicy, SymmetricKey, Transport,
};
use provisioning_emulator::{Emulator, Port, Security};
use provisioning_net::{FallbackConnector, WebSocketConnector};
use test_support::emulator::{connector, local_dps, start_in_memory};
use tokio::time::timeout;

/// Longer than every timeout and wait of a registration, but not longer than those that are endless.
const LONG: Duration = Duration::from_secs(7 * 24 * 3600);

const ENDS: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

fn plain(emulator: &Arc<Emulator>, port: Port) -> impl Connector + Clone + 'static {
    connector(emulator, port, Security::Plain)
}

fn emulator() -> Arc<Emulator> {
    start_in_memory(local_dps().polls_before_assigning(1))
}

fn builder(emulator: &Arc<Emulator>) -> Builder {
    let key = SymmetricKey::from_base64(&emulator.device_key("device-1").expect("a device")).expect("a key");
    ProvisioningDeviceClient::builder(emulator.id_scope(), key, Transport::Mqtt)
        .with_registration_id("device-1")
        .with_connector(plain(emulator, Port::Mqtt))
}

/// The kind of the registration's error, or of that of `build`; `None` when the device is assigned.
async fn outcome(what: &str, builder: Builder) -> Option<ErrorKind> {
    let Ok(client) = builder.build() else {
        return Some(ErrorKind::Input);
    };
    let outcome = timeout(LONG, client.register()).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("with {what} the registration does not end"));
    outcome.err().map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn durations_of_the_policy_and_of_the_builder() {
    type Set = fn(Policy, Duration) -> Policy;
    let setters: [(&str, Set); 6] = [
        ("registration timeout", Policy::with_registration_timeout),
        ("operation timeout", Policy::with_operation_timeout),
        ("close timeout", Policy::with_close_timeout),
        ("default wait", Policy::with_default_wait),
        ("wait floor", Policy::with_wait_floor),
        ("backoff cap", Policy::with_backoff_cap),
    ];
    let emulator = emulator();
    for (what, set) in setters {
        for duration in ENDS {
            let policy = set(Policy::default(), duration).with_recovery(Recovery::lost_connections(u32::MAX));
            let outcome = outcome(what, builder(&emulator).with_policy(policy)).await;
            assert!(
                matches!(outcome, None | Some(ErrorKind::Timeout)),
                "{what} {duration:?}: {outcome:?}"
            );
        }
    }
    for duration in ENDS {
        let outcome = outcome("timeout", builder(&emulator).with_timeout(duration)).await;
        assert!(
            matches!(outcome, None | Some(ErrorKind::Timeout)),
            "{duration:?}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lifetimes_of_tokens() {
    let emulator = emulator();
    for duration in ENDS {
        let outcome = outcome("lifetime", builder(&emulator).with_sas_lifetime(duration)).await;
        match duration {
            Duration::MAX => assert_eq!(outcome, Some(ErrorKind::Input)),
            // Within the second in which a token expires, the service may still accept it.
            _ => assert!(
                matches!(outcome, None | Some(ErrorKind::Unauthorized)),
                "{duration:?}: {outcome:?}"
            ),
        }
    }
    let error = builder(&emulator).with_sas_lifetime(Duration::MAX).build();
    assert_eq!(error.expect_err("too long").input(), "SAS token lifetime");
}

#[tokio::test(start_paused = true)]
async fn sizes_and_durations_of_mqtt_and_of_connectors() {
    let emulator = emulator();
    let mqtt = plain(&emulator, Port::Mqtt);
    let websocket = plain(&emulator, Port::WebSocket);
    for size in [0, 1, usize::MAX] {
        let options = || MqttOptions::default().with_max_packet_size(size);
        let expected = (size < 2).then_some(ErrorKind::UnexpectedResponse);
        let over_mqtt = builder(&emulator).with_mqtt_options(options());
        assert_eq!(outcome("packet size", over_mqtt).await, expected, "{size}");
        let over_websocket = builder(&emulator)
            .with_connector(WebSocketConnector::new(websocket.clone()))
            .with_mqtt_options(options());
        assert_eq!(outcome("message size", over_websocket).await, expected, "{size}");
    }
    for keep_alive in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(65_535)] {
        let options = MqttOptions::default()
            .with_keep_alive(keep_alive)
            .expect("whole seconds");
        let outcome = outcome("keep-alive", builder(&emulator).with_mqtt_options(options)).await;
        assert_eq!(outcome, None, "{keep_alive:?}");
    }
    for timeout in ENDS {
        let fallback = FallbackConnector::new(mqtt.clone(), mqtt.clone()).with_attempt_timeout(timeout);
        let outcome = outcome("attempt timeout", builder(&emulator).with_connector(fallback)).await;
        assert!(
            matches!(outcome, None | Some(ErrorKind::Connect)),
            "{timeout:?}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn empty_long_and_deep_texts() {
    type Set = fn(Builder, &str) -> Builder;
    let emulator = emulator();
    let (long, deep) = ("a".repeat(100_000), "[".repeat(100_000) + &"]".repeat(100_000));
    let nested = (0..120).fold(serde_json::Value::Null, |value, _| serde_json::json!([value]));
    let builders: [(&str, Set); 9] = [
        ("host", |builder, text| builder.with_host(text)),
        ("server name", |builder, text| builder.with_server_name(text)),
        ("proxy", |builder, text| builder.with_proxy(text)),
        ("registration id", |builder, text| builder.with_registration_id(text)),
        ("payload", |builder, text| builder.with_payload(text)),
        ("api-version", |builder, text| builder.with_api_version(text)),
        ("TLS provider", |builder, text| builder.with_tls_provider(text)),
        ("CA", |builder, text| builder.with_ca_pem(text)),
        ("extra CA", |builder, text| builder.with_extra_ca_pem(text)),
    ];
    for (what, set) in builders {
        for text in ["", &long, &deep, "\0", "ä"] {
            // A custom connector uses no TLS, proxy or host settings: only `build` checks them. The emulator refuses a
            // payload that is nested too deeply.
            let outcome = outcome(what, set(builder(&emulator), text)).await;
            assert!(
                matches!(outcome, None | Some(ErrorKind::Input | ErrorKind::BadRequest)),
                "{what} of {} bytes: {outcome:?}",
                text.len()
            );
        }
    }
    for scope in ["", &long] {
        let key = SymmetricKey::from_base64("a2V5").expect("a key");
        let builder = ProvisioningDeviceClient::builder(scope, key, Transport::Mqtt).with_registration_id("a");
        assert_eq!(outcome("id scope", builder).await, Some(ErrorKind::Input));
    }
    assert_eq!(
        outcome("a nested value", builder(&emulator).with_payload(nested)).await,
        None
    );
    assert!(MqttOptions::default().with_user_agent_suffix("").is_ok());
    assert!(MqttOptions::default().with_user_agent_suffix(&long).is_err());
    let endpoint = || "localhost".parse::<Endpoint>().expect("a host");
    assert!(endpoint().with_port(0).is_err() && endpoint().with_websocket_port(0).is_err());
    let error = builder(&emulator).with_websocket_port(0).build().expect_err("no port");
    assert_eq!(error.input(), "WebSocket port");
    for (path, is_valid) in [
        ("", false),
        ("/", true),
        (&long, false),
        (&format!("/{long}"), true),
        ("/\0", false),
        ("/ä", false),
    ] {
        let outcome = endpoint().with_websocket_path(path);
        assert_eq!(outcome.is_ok(), is_valid, "{} bytes", path.len());
    }
}

#[test]
fn counts_of_the_reprovisioning_policy() {
    for (limit, expected) in [
        (0, NextAssignment::New),
        (1, NextAssignment::New),
        (u32::MAX, NextAssignment::Stored),
    ] {
        let mut policy = ReprovisioningPolicy::new(limit).with_failure_limit(limit);
        for _ in 0..1000 {
            for status in [0, 401, u16::MAX] {
                assert_eq!(policy.refused(status), expected, "{limit}");
            }
            assert_eq!(policy.failed(), expected, "{limit}");
        }
        policy.accepted();
        assert_eq!(policy.next(), NextAssignment::Stored, "{limit}");
    }
}
