//! Chaos: faults by chance that repeat with their seed.

use std::time::Duration;

use provisioning_emulator::{Builder, Config, Effect, Emulator, Fault, LogKind, Step};
use rumqttc::{ConnectReturnCode, Packet, PubAck, Publish, QoS, Subscribe};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    control::{call, put},
    support::{ANSWERS, Device, builder, connect_packet, notes, plain, register_topic},
};

fn start(builder: Builder) -> Emulator {
    builder.start_in_memory().expect("an emulator")
}

/// Devices that come one after the other, and send the same whatever they receive.
async fn devices(emulator: &Emulator) {
    for number in 0..20 {
        let id = format!("d{number}");
        let mut stream = plain(emulator);
        let mut bytes = bytes::BytesMut::new();
        let mut subscribe = Subscribe::new(ANSWERS, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        let mut publish = Publish::new(
            register_topic("r"),
            QoS::AtLeastOnce,
            json!({"registrationId": id}).to_string(),
        );
        publish.pkid = 2;
        for packet in [
            Packet::Connect(connect_packet(&id)),
            Packet::Subscribe(subscribe),
            Packet::Publish(publish),
            Packet::PubAck(PubAck::new(1)),
            Packet::PingReq,
            Packet::Disconnect,
        ] {
            packet.write(&mut bytes, 1024 * 1024).expect("encoded");
        }
        // The emulator may cut the connection at any step, or never close it.
        let _ = stream.write_all(&bytes).await;
        let mut received = vec![];
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut received)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_repeats_with_the_same_seed_and_is_another_with_another() {
    let run = async |seed| {
        let emulator = start(builder().chaos(0.3, seed));
        devices(&emulator).await;
        notes(&emulator, "fault")
    };
    let first = run(7).await;
    assert!(first.len() > 15, "{first:?}");
    assert_eq!(first[0], "chaos begins: { probability = 0.3, seed = 7 }");
    assert_eq!(run(7).await, first);
    assert_ne!(run(8).await[1..], first[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_begins_again_with_the_seed() {
    let emulator = start(builder().chaos(0.3, 7));
    devices(&emulator).await;
    let first = notes(&emulator, "fault");
    emulator.reset().await;
    devices(&emulator).await;
    assert_eq!(notes(&emulator, "fault"), first);
}

/// Each can be put into a configuration, and is the same fault there.
#[tokio::test(start_paused = true)]
async fn each_fault_by_chance_is_logged_as_a_configuration_has_it() {
    let emulator = start(builder().chaos(1.0, 3));
    devices(&emulator).await;
    let faults: Vec<_> = notes(&emulator, "fault").split_off(1);
    assert!(faults.len() >= 20, "{faults:?}");
    for reason in faults {
        let (said, table) = reason.split_once(", by chaos: ").expect("both");
        let config = Config::parse(&format!("faults = [{table}]"), "x.toml").expect("a configuration");
        let configured = start(Emulator::builder().config(&config)).faults();
        let fault = serde_json::to_value(&configured[0]).expect("JSON");
        let name = |member: &str| fault[member].as_str().expect("text").to_owned();
        assert_eq!(said, format!("{} at {}", name("name"), name("step")));
        assert_eq!(fault["count"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_was_set_comes_before_chance_and_is_logged_as_before() {
    let refuse = Effect::Refuse {
        code: Some(5),
        retry_after: None,
    };
    let fault = Fault::new(refuse, Step::Connack).expect("a fault").times(3);
    let emulator = start(builder().fault(fault));
    // Chance alone would cut the first step.
    let chaos = json!({"probability": 1.0, "seed": 1});
    for _ in 0..3 {
        let mut device = Device::over(plain(&emulator));
        assert_eq!(put(&emulator, "/emulator/chaos", &chaos).await.json(), chaos);
        assert_eq!(
            device.connect(connect_packet("d")).await,
            ConnectReturnCode::NotAuthorized
        );
        assert_eq!(call(&emulator, "DELETE", "/emulator/chaos").await.status, 204);
    }
    let reasons = notes(&emulator, "fault");
    assert_eq!(
        reasons.iter().filter(|reason| *reason == "refuse at connack").count(),
        3,
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn chaos_is_set_read_and_ended_over_http_and_does_not_affect_the_control_endpoint() {
    let emulator = start(builder());
    let get = async || call(&emulator, "GET", "/emulator/chaos").await.json();
    assert_eq!(get().await, json!(null));
    let seeded = put(&emulator, "/emulator/chaos", &json!({"probability": 1}))
        .await
        .json();
    assert!(seeded["seed"].is_u64(), "one is chosen: {seeded}");
    assert_eq!(get().await, seeded);
    for wrong in [
        json!({}),
        json!({"probability": 2}),
        json!({"probability": 0.5, "sede": 1}),
        json!([]),
    ] {
        let refused = put(&emulator, "/emulator/chaos", &wrong).await;
        assert_eq!(refused.refusal(400), 400_004, "{wrong}");
    }
    let refused = put(&emulator, "/emulator/chaos", &json!({"probability": 1.5})).await;
    assert!(
        refused.body.contains("expected a probability from 0 to 1, not 1.5"),
        "{refused:?}"
    );
    assert_eq!(get().await, seeded, "unchanged");
    let noted = emulator
        .log()
        .iter()
        .filter(|entry| entry.kind == LogKind::Fault)
        .count();
    assert_eq!(noted, 1, "its begin");
    assert_eq!(call(&emulator, "DELETE", "/emulator/chaos").await.status, 204);
    assert_eq!(get().await, json!(null));
}

#[test]
fn chaos_is_part_of_a_configuration() {
    let parse = |text: &str| Config::parse(text, "x.toml");
    let config = parse("chaos = { probability = 0.25, seed = 9 }").expect("a configuration");
    let emulator = start(Emulator::builder().config(&config));
    assert_eq!(
        notes(&emulator, "fault"),
        ["chaos begins: { probability = 0.25, seed = 9 }"]
    );
    let error = parse("\nchaos = { probability = 7 }")
        .expect_err("no probability")
        .to_string();
    assert!(error.contains("x.toml:2: chaos"), "{error}");
    assert!(error.contains("expected a probability from 0 to 1, not 7"), "{error}");
}
