//! Bytes that break MQTT 3.1.1: each ends its own connection, unanswered, and no other.

use provisioning_emulator::Direction;

use crate::support::{Device, builder, connect_bytes, exchange, in_memory, notes, packet, plain, register_topic, text};

const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// What is answered after CONNACK to a device that sends this once it is connected, and why it is refused.
async fn after_connect(bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
    let emulator = in_memory();
    let mut bystander = Device::accepted(plain(&emulator), "bystander").await;
    let sent = [&connect_bytes("MQTT", 4, 0x82), bytes].concat();
    let answered = exchange(plain(&emulator), &sent).await;
    bystander.ping().await;
    let answered = answered.strip_prefix(&ACCEPTED).expect("CONNACK").to_vec();
    (answered, notes(&emulator, "refused"))
}

fn publish(first: u8, packet_id: &[u8]) -> Vec<u8> {
    let body = br#"{"registrationId":"d"}"#;
    packet(first, &[&text(&register_topic("1")), packet_id, body].concat())
}

#[tokio::test(start_paused = true)]
async fn a_protocol_violation_ends_the_connection() {
    let filter = text("$dps/registrations/res/#");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a reserved type 0", packet(0x00, &[])),
        ("a reserved type 15", packet(0xF0, &[])),
        ("flags on PINGREQ", packet(0xC1, &[])),
        ("flags on DISCONNECT", packet(0xE2, &[])),
        ("flags on PUBACK", packet(0x41, &[0, 1])),
        (
            "SUBSCRIBE without its flag",
            packet(0x80, &[&[0, 1], &filter[..], &[1]].concat()),
        ),
        (
            "UNSUBSCRIBE without its flag",
            packet(0xA0, &[&[0, 1], &filter[..]].concat()),
        ),
        ("a CONNACK from a device", packet(0x20, &[0, 0])),
        ("a SUBACK from a device", packet(0x90, &[0, 1, 1])),
        ("an UNSUBACK from a device", packet(0xB0, &[0, 1])),
        ("a PINGRESP from a device", packet(0xD0, &[])),
        ("PUBREC", packet(0x50, &[0, 1])),
        ("PUBREL", packet(0x62, &[0, 1])),
        ("PUBCOMP", packet(0x70, &[0, 1])),
        ("PUBLISH of QoS 2", publish(0x34, &[0, 1])),
        ("PUBLISH of QoS 3", publish(0x36, &[0, 1])),
        ("a retained PUBLISH", publish(0x33, &[0, 1])),
        ("PUBLISH with packet id 0", publish(0x32, &[0, 0])),
        ("PUBACK with packet id 0", packet(0x40, &[0, 0])),
        (
            "SUBSCRIBE with packet id 0",
            packet(0x82, &[&[0, 0], &filter[..], &[1]].concat()),
        ),
        (
            "UNSUBSCRIBE with packet id 0",
            packet(0xA2, &[&[0, 0], &filter[..]].concat()),
        ),
        (
            "SUBSCRIBE of QoS 3",
            packet(0x82, &[&[0, 1], &filter[..], &[3]].concat()),
        ),
        ("SUBSCRIBE to nothing", packet(0x82, &[0, 1])),
        ("a topic that is not UTF-8", packet(0x30, &[0, 2, 0xC3, 0x28])),
        ("a topic longer than its packet", packet(0x30, &[0, 9, b'a'])),
        ("PUBLISH without a topic", packet(0x30, &[])),
        ("a PUBACK of one byte", packet(0x40, &[0])),
        (
            "a remaining length of five bytes",
            vec![0x30, 0x80, 0x80, 0x80, 0x80, 1],
        ),
    ];
    for (what, bytes) in cases {
        let (answered, closed) = after_connect(&bytes).await;
        assert_eq!(answered, [0; 0], "{what}");
        assert_eq!(closed.len(), 1, "{what}: {closed:?}");
        assert!(!closed[0].is_empty(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_packets_of_the_emulator_are_mqtt_byte_for_byte() {
    let subscribe = packet(0x82, &[&[0, 9], &text("$dps/registrations/res/#")[..], &[1]].concat());
    let unsubscribe = packet(0xA2, &[&[0, 8], &text("$dps/registrations/res/#")[..]].concat());
    let sent = [
        packet(0xC0, &[]),
        subscribe,
        unsubscribe,
        publish(0x32, &[1, 2]),
        packet(0xE0, &[]),
    ]
    .concat();
    let (answered, closed) = after_connect(&sent).await;
    assert_eq!(answered, [0xD0, 0, 0x90, 3, 0, 9, 1, 0xB0, 2, 0, 8, 0x40, 2, 1, 2]);
    // The request arrived after UNSUBSCRIBE.
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(closed[0].starts_with("the request is not answered"), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_packet_may_come_in_pieces_and_several_at_once() {
    let emulator = in_memory();
    let mut device = Device::over(plain(&emulator));
    for byte in connect_bytes("MQTT", 4, 0x82) {
        device.send_bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(matches!(device.receive().await, rumqttc::Packet::ConnAck(_)));
    device.send_bytes(&[0xC0, 0, 0xC0, 0, 0xC0]).await;
    device.receive().await;
    device.receive().await;
    device.send_bytes(&[0]).await;
    assert_eq!(device.receive().await, rumqttc::Packet::PingResp);
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_is_too_large_is_refused_by_its_length_alone() {
    let emulator = builder().max_packet_size(300).start_in_memory().expect("an emulator");
    let mut device = Device::accepted(plain(&emulator), "d").await;
    // 301 bytes are announced, and none is sent.
    device.send_bytes(&[0x30, 0xAD, 0x02]).await;
    device.is_closed().await;

    let mut device = Device::ready(plain(&emulator), "d").await;
    let answer = device.request(&register_topic("1"), &format!("{:200}", "")).await;
    assert_eq!(answer.status, 400, "a packet below the limit is read");
}

#[tokio::test(start_paused = true)]
async fn bytes_of_any_kind_neither_stall_nor_stop_the_service() {
    let emulator = in_memory();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..500 {
        let mut bytes = if round % 2 == 0 {
            connect_bytes("MQTT", 4, 0x82)
        } else {
            Vec::new()
        };
        let head = [0x10, 0x30, 0x32, 0x40, 0x82, 0xA2, 0xC0, 0xE0][random.usize(..8)];
        let rest: Vec<u8> = (0..random.usize(..60)).map(|_| random.u8(..)).collect();
        bytes.extend(packet(head, &rest));
        let mut stream = plain(&emulator);
        tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes)
            .await
            .expect("room for it");
        drop(stream);
    }
    let mut device = Device::ready(plain(&emulator), "survivor").await;
    assert_eq!(device.register("survivor").await.status, 202);
    // A task that panics ends without the note that every connection makes at its end.
    drop(device);
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(notes(&emulator, "open").len(), 501);
    assert_eq!(notes(&emulator, "close").len(), 501);
}

#[tokio::test(start_paused = true)]
async fn every_packet_is_logged_in_order_with_its_connection_and_device() {
    let emulator = in_memory();
    let mut device = Device::ready(plain(&emulator), "d").await;
    device.register("d").await;
    device.send(rumqttc::Packet::Disconnect).await;
    device.is_closed().await;
    let log = emulator.log();
    let seen: Vec<_> = log.iter().map(|entry| (entry.direction, entry.kind.as_str())).collect();
    use Direction::{In, Note, Out};
    let expected = [
        (Note, "open"),
        (In, "CONNECT"),
        (Out, "CONNACK"),
        (In, "SUBSCRIBE"),
        (Out, "SUBACK"),
        (In, "PUBLISH"),
        (Out, "PUBACK"),
        (Out, "PUBLISH"),
        (In, "PUBACK"),
        (In, "DISCONNECT"),
        (Note, "close"),
    ];
    assert_eq!(seen, expected);
    assert!(log.iter().all(|entry| entry.connection == Some(1)));
    assert!(
        log[1..]
            .iter()
            .all(|entry| entry.registration_id.as_deref() == Some("d")),
        "{log:?}"
    );
    let line = serde_json::to_string(&log[7]).expect("JSON");
    assert!(
        !line.contains('\n') && line.contains("\"registrationId\":\"d\"") && line.contains("res/202"),
        "{line}"
    );
    emulator.clear_log();
    assert!(emulator.log().is_empty());
}
