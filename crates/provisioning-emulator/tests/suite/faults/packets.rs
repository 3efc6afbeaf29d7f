//! Faults of packets: CONNACK, SUBACK, UNSUBACK, PUBACK, PINGRESP and the answer.

use std::time::Duration;

use provisioning_emulator::{Cut, Effect, Emulator, Link, Port, Security, Step};
use rumqttc::{ConnAck, ConnectReturnCode, Packet, PubAck, SubscribeReasonCode, Unsubscribe};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{fault, timed, with};
use crate::{
    support::{ANSWERS, Device, connect_bytes, connect_packet, exchange, notes, packet, plain, register_topic, text},
    websocket,
};

/// Bytes that never come fail the test.
const LIMIT: Duration = Duration::from_secs(60);

const BODY: &str = r#"{"registrationId":"d"}"#;
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// A device at the step before this one, and what it sends to get there.
async fn before(emulator: &Emulator, step: Step) -> (Device<Link>, Packet) {
    let stream = plain(emulator);
    match step {
        Step::Connack => (Device::over(stream), Packet::Connect(connect_packet("d"))),
        Step::Suback => {
            let mut subscribe = rumqttc::Subscribe::new(ANSWERS, rumqttc::QoS::AtLeastOnce);
            subscribe.pkid = 7;
            (Device::accepted(stream, "d").await, Packet::Subscribe(subscribe))
        }
        Step::Unsuback => {
            let mut unsubscribe = Unsubscribe::new(ANSWERS);
            unsubscribe.pkid = 7;
            (Device::ready(stream, "d").await, Packet::Unsubscribe(unsubscribe))
        }
        Step::Pingresp => (Device::accepted(stream, "d").await, Packet::PingReq),
        // Without a subscription, PUBACK is all that is sent.
        Step::Puback => (Device::accepted(stream, "d").await, request()),
        Step::Answer => {
            let mut device = Device::ready(stream, "d").await;
            device.publish(&register_topic("0"), BODY).await;
            device.receive().await;
            device.receive().await;
            (device, request_of_quality_0())
        }
        other => panic!("{other:?} is no packet"),
    }
}

fn request() -> Packet {
    let mut publish = rumqttc::Publish::new(register_topic("1"), rumqttc::QoS::AtLeastOnce, BODY);
    publish.pkid = 7;
    Packet::Publish(publish)
}

/// Without PUBACK the answer is all that comes.
fn request_of_quality_0() -> Packet {
    Packet::Publish(rumqttc::Publish::new(
        register_topic("1"),
        rumqttc::QoS::AtMostOnce,
        BODY,
    ))
}

fn is_of(step: Step, packet: &Packet) -> bool {
    matches!(
        (step, packet),
        (Step::Connack, Packet::ConnAck(_))
            | (Step::Suback, Packet::SubAck(_))
            | (Step::Unsuback, Packet::UnsubAck(_))
            | (Step::Puback, Packet::PubAck(_))
            | (Step::Pingresp, Packet::PingResp)
            | (Step::Answer, Packet::Publish(_))
    )
}

const STEPS: [Step; 6] = [
    Step::Connack,
    Step::Suback,
    Step::Unsuback,
    Step::Puback,
    Step::Pingresp,
    Step::Answer,
];

/// Does `check` at every step, at the moment when the device has sent what leads to it. For the answer's sake, whose
/// request before it is answered too, the fault is added at the last moment.
async fn at_every_step(effect: Effect, check: impl AsyncFn(Step, Device<Link>)) {
    for step in STEPS {
        let emulator = crate::support::in_memory();
        let (mut device, packet) = before(&emulator, step).await;
        emulator.inject(fault(effect.clone(), step));
        device.send(packet).await;
        check(step, device).await;
        assert_eq!(emulator.faults(), [], "{step:?}: it has struck");
        let [noted] = &notes(&emulator, "fault")[..] else {
            panic!("one line in the log")
        };
        assert!(
            noted.to_lowercase().ends_with(&format!("at {step:?}").to_lowercase()),
            "{noted}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_be_delayed() {
    at_every_step(Effect::Delay(Duration::from_secs(7)), async |step, mut device| {
        let (seconds, packet) = timed(device.receive()).await;
        assert!(is_of(step, &packet), "{step:?}: {packet:?}");
        assert_eq!(seconds, 7, "{step:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_be_withheld() {
    at_every_step(Effect::Withhold, async |_, mut device| {
        device.ping().await;
        device.send(Packet::Disconnect).await;
        device.is_closed().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_is_out_of_range_never_ends() {
    let emulator = crate::support::in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    emulator.inject(fault(Effect::Delay(Duration::MAX), Step::Pingresp));
    device.send(Packet::PingReq).await;
    device.ping().await;
    let mut stream = device.into_stream();
    let read = timeout(Duration::from_secs(1_000_000), stream.read_u8()).await;
    read.expect_err("the first PINGRESP never comes");
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_be_a_close_instead() {
    at_every_step(Effect::Close(Cut::Now), async |_, mut device| device.is_closed().await).await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_be_a_reset_instead() {
    at_every_step(Effect::Reset(Cut::Now), async |step, mut device| {
        let error = device.next().await.expect("no orderly end").expect_err("a reset");
        assert!(error.to_string().contains("reset"), "{step:?}: {error}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_end_in_the_middle() {
    for with_reset in [false, true] {
        let cut = if with_reset { Effect::Reset } else { Effect::Close };
        for limit in [0, 1, 2, 1000] {
            at_every_step(cut(Cut::AfterSent(limit)), async |step, device| {
                let mut stream = device.into_stream();
                let mut bytes = vec![];
                let end = timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("an end");
                assert_eq!(end.is_err(), with_reset, "{step:?}");
                match limit {
                    1000 => assert!(bytes.len() >= 2, "{step:?}: the whole packet"),
                    _ => assert_eq!(bytes.len() as u64, limit, "{step:?}"),
                }
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_be_garbage() {
    at_every_step(Effect::Garbage, async |_, mut device| {
        device.next().await.expect("bytes").expect_err("no packet");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_come_byte_by_byte() {
    let pause = Duration::from_secs(1);
    at_every_step(Effect::Split { size: 1, pause }, async |step, device| {
        let mut stream = device.into_stream();
        let mut two = [0; 2];
        let (seconds, read) = timed(timeout(LIMIT, stream.read_exact(&mut two))).await;
        read.expect("in time").expect("two bytes");
        assert_eq!(seconds, 1, "{step:?}: the second byte waits");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_come_twice() {
    at_every_step(Effect::Duplicate, async |step, mut device| {
        for _ in 0..2 {
            let packet = device.receive().await;
            assert!(is_of(step, &packet), "{step:?}: {packet:?}");
        }
        device.ping().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_packet_can_come_after_the_next_one() {
    at_every_step(Effect::Reorder, async |step, mut device| {
        // At PINGRESP too: the second one is sent at once, the first one after it.
        device.ping().await;
        let packet = device.receive().await;
        assert!(is_of(step, &packet), "{step:?}: {packet:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_steps_own_form() {
    let refuse = |code| Effect::Refuse {
        code,
        retry_after: None,
    };
    for (code, expected) in [
        (None, ConnectReturnCode::ServiceUnavailable),
        (Some(1), ConnectReturnCode::RefusedProtocolVersion),
        (Some(2), ConnectReturnCode::BadClientId),
        (Some(3), ConnectReturnCode::ServiceUnavailable),
        (Some(4), ConnectReturnCode::BadUserNamePassword),
        (Some(5), ConnectReturnCode::NotAuthorized),
    ] {
        let emulator = with(refuse(code), Step::Connack);
        let mut device = Device::over(plain(&emulator));
        device.send(Packet::Connect(connect_packet("d"))).await;
        assert_eq!(device.receive().await, Packet::ConnAck(ConnAck::new(expected, false)));
        device.is_closed().await;
    }
    let emulator = with(refuse(None), Step::Suback);
    let (mut device, subscribe) = before(&emulator, Step::Suback).await;
    device.send(subscribe).await;
    assert!(
        matches!(device.receive().await, Packet::SubAck(ack) if ack.return_codes == [SubscribeReasonCode::Failure])
    );
    device.publish(&register_topic("1"), BODY).await;
    assert!(matches!(device.receive().await, Packet::PubAck(_)));
    device.ping().await;
    assert_eq!(notes(&emulator, "refused").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_before_its_acknowledgement() {
    for effect in [Effect::Reorder, Effect::Delay(Duration::from_secs(1))] {
        let emulator = with(effect, Step::Puback);
        let mut device = Device::ready(plain(&emulator), "d").await;
        let pkid = device.publish(&register_topic("1"), BODY).await;
        assert_eq!(device.answer().await.status, 202);
        assert_eq!(device.receive().await, Packet::PubAck(PubAck::new(pkid)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_is_served_while_its_answer_is_late() {
    let emulator = with(Effect::Delay(Duration::from_secs(50)), Step::Answer);
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.publish(&register_topic("late"), BODY).await;
    assert!(matches!(device.receive().await, Packet::PubAck(_)));
    let (seconds, early) = timed(device.request(&register_topic("early"), BODY)).await;
    assert_eq!((seconds, early.topic.contains("early")), (0, true));
    let (seconds, late) = timed(device.answer()).await;
    assert_eq!((seconds, late.topic.contains("late")), (50, true));
}

#[tokio::test(start_paused = true)]
async fn packets_that_are_joined_come_in_one_websocket_frame() {
    let emulator = with(Effect::Join, Step::Puback);
    let mut socket = websocket::connected(&emulator).await;
    let subscribe = packet(0x82, &[&[0, 1], &text(ANSWERS)[..], &[1]].concat());
    websocket::send(&mut socket, subscribe).await;
    assert_eq!(websocket::receive(&mut socket).await[0], 0x90, "SUBACK");
    let publish = packet(
        0x32,
        &[&text(&register_topic("1"))[..], &[0, 2], BODY.as_bytes()].concat(),
    );
    websocket::send(&mut socket, publish).await;
    let frame = websocket::receive(&mut socket).await;
    assert_eq!(
        (frame[..4].to_vec(), frame[4]),
        (vec![0x40, 2, 0, 2], 0x32),
        "PUBACK, PUBLISH"
    );
}

#[tokio::test(start_paused = true)]
async fn a_packet_in_pieces_comes_in_as_many_websocket_frames() {
    let pause = Duration::ZERO;
    let emulator = with(Effect::Split { size: 3, pause }, Step::Suback);
    let mut socket = websocket::connected(&emulator).await;
    let subscribe = packet(0x82, &[&[0, 1], &text(ANSWERS)[..], &[1]].concat());
    websocket::send(&mut socket, subscribe).await;
    assert_eq!(websocket::receive(&mut socket).await[..], [0x90, 3, 0]);
    assert_eq!(websocket::receive(&mut socket).await[..], [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_for_a_device_triggers_for_it_only_in_any_case_as_often_as_given() {
    let emulator = crate::support::in_memory();
    let refuse = Effect::Refuse {
        code: Some(5),
        retry_after: None,
    };
    emulator.inject(fault(refuse, Step::Connack).device("Unlucky").times(2));
    let connect = async |id| Device::over(plain(&emulator)).connect(connect_packet(id)).await;
    assert_eq!(connect("lucky").await, ConnectReturnCode::Success);
    assert_eq!(connect("unlucky").await, ConnectReturnCode::NotAuthorized);
    assert_eq!(connect("UNLUCKY").await, ConnectReturnCode::NotAuthorized);
    assert_eq!(connect("unlucky").await, ConnectReturnCode::Success);
    assert_eq!(emulator.faults(), []);
}

#[tokio::test(start_paused = true)]
async fn faults_that_are_cleared_do_not_trigger() {
    let emulator = with(Effect::Withhold, Step::Connack);
    emulator.inject(fault(Effect::Garbage, Step::Connack).always());
    assert_eq!(emulator.faults().len(), 2);
    emulator.clear_faults();
    assert_eq!(exchange_connect(&emulator).await, ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_fault_with_always_triggers_every_time() {
    let emulator = crate::support::in_memory();
    emulator.inject(fault(Effect::Close(Cut::AfterSent(2)), Step::Connack).always());
    for _ in 0..3 {
        assert_eq!(
            exchange(plain(&emulator), &connect_bytes("MQTT", 4, 0x82)).await,
            ACCEPTED[..2]
        );
    }
    assert_eq!(emulator.faults().len(), 1);
}

/// What comes after CONNECT, when DISCONNECT follows.
async fn exchange_connect(emulator: &Emulator) -> Vec<u8> {
    let bytes = [connect_bytes("MQTT", 4, 0x82), packet(0xE0, &[])].concat();
    let mut link = emulator.connect(Port::Mqtt, Security::Plain, 1024);
    link.write_all(&bytes).await.expect("sent");
    exchange(link, &[]).await
}
