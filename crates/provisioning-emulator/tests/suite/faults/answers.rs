//! Faults of answers: other request ids, other words, other sizes.

use provisioning_emulator::{Effect, Emulator, Link, Step};
use rumqttc::Packet;

use super::{fault, with};
use crate::support::{Device, in_memory, plain, register_topic};

const BODY: &str = r#"{"registrationId":"d"}"#;

/// The next PUBLISH: its topic and its body.
async fn published(device: &mut Device<Link>) -> (String, Vec<u8>) {
    loop {
        match device.receive().await {
            Packet::Publish(publish) => return (publish.topic, publish.payload.to_vec()),
            Packet::PubAck(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// What the first request is answered.
async fn answered(effect: Effect) -> (Emulator, Device<Link>, String, Vec<u8>) {
    let emulator = with(effect, Step::Answer);
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.publish(&register_topic("r"), BODY).await;
    let (topic, body) = published(&mut device).await;
    (emulator, device, topic, body)
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_a_refusal_with_a_retry_after() {
    let refuse = |code, retry_after| Effect::Refuse { code, retry_after };
    for (effect, expected, code) in [
        (refuse(None, None), "$dps/registrations/res/503/?$rid=r", 503_000),
        (
            refuse(Some(429), Some(9)),
            "$dps/registrations/res/429/?$rid=r&retry-after=9",
            429_000,
        ),
    ] {
        let (.., topic, body) = answered(effect).await;
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&topic[..], &body["errorCode"]), (expected, &code.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_have_another_request_id_and_the_right_one_can_follow() {
    for (request_id, expected) in [(None, "$rid=r0&"), (Some("x".to_owned()), "$rid=x&")] {
        let beside = true;
        let (_emulator, mut device, topic, body) = answered(Effect::WrongRequestId { request_id, beside }).await;
        assert!(topic.contains(expected), "{topic}");
        let (right, same) = published(&mut device).await;
        assert!(right.contains("$rid=r&") && same == body, "{right}");
    }
    let (_emulator, mut device, topic, _) = answered(Effect::WrongRequestId {
        request_id: None,
        beside: false,
    })
    .await;
    assert!(topic.contains("$rid=r0&"), "{topic}");
    device.ping().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_have_another_registrations_request_id() {
    let emulator = in_memory();
    let mut other = Device::ready(plain(&emulator), "other").await;
    other
        .request(&register_topic("others"), r#"{"registrationId":"other"}"#)
        .await;
    emulator.inject(fault(Effect::ForeignRequestId { beside: true }, Step::Answer).device("d"));
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.publish(&register_topic("own"), BODY).await;
    assert!(published(&mut device).await.0.contains("$rid=others&"));
    assert!(published(&mut device).await.0.contains("$rid=own&"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_twice_with_two_packet_ids() {
    let emulator = with(Effect::Duplicate, Step::Answer);
    let mut device = Device::ready(plain(&emulator), "d").await;
    let first = device.request(&register_topic("r"), BODY).await;
    let second = device.answer().await;
    assert_eq!((&first.topic, &first.body), (&second.topic, &second.body));
    assert_ne!(first.packet_id, second.packet_id);
}

#[tokio::test(start_paused = true)]
async fn assigning_never_ends() {
    let emulator = in_memory();
    emulator.inject(fault(Effect::Assigning, Step::Answer).always());
    let mut device = Device::ready(plain(&emulator), "d").await;
    let first = device.register("d").await;
    let id = first.body["operationId"].as_str().expect("an id").to_owned();
    for _ in 0..20 {
        let answer = device.query(&id).await;
        assert_eq!((answer.status, &answer.body["status"]), (202, &"assigning".into()));
        assert_eq!(answer.body["operationId"], id.as_str());
    }
    emulator.clear_faults();
    assert_eq!(device.query(&id).await.body["status"], "assigned");
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_anything() {
    for body in ["", "garbage", "[1]"] {
        assert_eq!(answered(Effect::Body(body.to_owned())).await.3, body.as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_can_end_in_its_middle() {
    let (.., body) = answered(Effect::TruncatedBody).await;
    assert!(body.starts_with(b"{\"operationId\""), "{body:?}");
    serde_json::from_slice::<serde_json::Value>(&body).expect_err("no JSON any more");
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_of_any_size() {
    let (.., body) = answered(Effect::OversizedBody { size: 300_000 }).await;
    assert_eq!(body.len(), 300_000);
    serde_json::from_slice::<serde_json::Value>(&body).expect("still JSON");
}
