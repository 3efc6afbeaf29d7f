//! What a server may not send ends the connection, and is told as such.

use provisioning_mqtt::MqttOptions;
use provisioning_types::{ErrorKind, Phase, TransportError};

use crate::support::{
    bodies::ASSIGNING,
    device::Device,
    peer::{answer_topic, encoded, publish},
};

#[tokio::test(start_paused = true)]
async fn packets_that_only_a_client_sends_are_refused() {
    for (what, bytes) in [
        (
            "CONNECT",
            &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 0][..],
        ),
        ("SUBSCRIBE", &[0x82, 6, 0, 1, 0, 1, b'a', 1]),
        ("UNSUBSCRIBE", &[0xa2, 5, 0, 1, 0, 1, b'a']),
        ("PINGREQ", &[0xc0, 0]),
        ("DISCONNECT", &[0xe0, 0]),
    ] {
        refused(what, bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn packets_that_have_no_place_in_a_session_are_refused() {
    for (what, bytes) in [
        ("a second CONNACK", &[0x20, 2, 0, 0][..]),
        ("a second CONNACK, refusing", &[0x20, 2, 0, 5]),
        ("a second CONNACK, with an unknown code", &[0x20, 2, 0, 6]),
        ("PUBREC", &[0x50, 2, 0, 1]),
        ("PUBREL", &[0x62, 2, 0, 1]),
        ("PUBCOMP", &[0x70, 2, 0, 1]),
        ("a message with QoS 2", &[0x34, 6, 0, 1, b'a', 0, 1, b'x']),
        ("a message with QoS 3", &[0x36, 6, 0, 1, b'a', 0, 1, b'x']),
        ("type 0", &[0x00, 0]),
        ("type 15", &[0xf0, 0]),
    ] {
        refused(what, bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn reserved_flags_are_refused() {
    for (what, bytes) in [
        ("PUBACK", &[0x41, 2, 0, 1][..]),
        ("SUBACK", &[0x92, 3, 0, 1, 1]),
        ("UNSUBACK", &[0xb4, 2, 0, 1]),
        ("PINGRESP", &[0xd8, 0]),
    ] {
        refused(what, bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_packets_are_refused() {
    for (what, bytes) in [
        ("a length of five bytes", &[0x30, 0xff, 0xff, 0xff, 0xff, 1][..]),
        ("a message without a topic", &[0x30, 0]),
        ("a topic that is cut", &[0x30, 1, 0]),
        ("a topic longer than the packet", &[0x30, 3, 0, 9, b'a']),
        ("a topic that is not UTF-8", &[0x30, 3, 0, 1, 0xff]),
        ("QoS 1 without a packet id", &[0x32, 4, 0, 1, b'a', 0]),
        ("QoS 1 with packet id 0", &[0x32, 5, 0, 1, b'a', 0, 0]),
        ("PUBACK without a packet id", &[0x40, 0]),
        ("PUBACK with half a packet id", &[0x40, 1, 0]),
        ("PUBACK with more than a packet id", &[0x40, 3, 0, 1, 0]),
        ("SUBACK without codes", &[0x90, 2, 0, 1]),
        ("SUBACK with a code that does not exist", &[0x90, 3, 0, 1, 3]),
        ("UNSUBACK with more than a packet id", &[0xb0, 3, 0, 1, 0]),
        ("PINGRESP with a payload", &[0xd0, 1, 0]),
    ] {
        refused(what, bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_another_kind_than_the_packet_is_refused() {
    for first in [0x90, 0xb0] {
        let (device, mut peer) = Device::connected().await;
        let query = device.query("4.op");
        let [high, low] = peer.request().await.packet_id.to_be_bytes();
        let bytes: &[u8] = match first {
            0x90 => &[first, 3, high, low, 1],
            _ => &[first, 2, high, low],
        };
        peer.send_bytes(bytes).await;
        assert_eq!(query.error().await.kind(), ErrorKind::UnexpectedResponse);
        peer.closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_nothing_is_ignored() {
    let (device, mut peer) = Device::connected().await;
    let query = device.query("4.op");
    let request = peer.request().await;
    for bytes in [&[0x40, 2, 9, 9][..], &[0x90, 3, 9, 9, 1], &[0xb0, 2, 9, 9]] {
        peer.send_bytes(bytes).await;
    }
    peer.acknowledge(&request).await;
    peer.acknowledge(&request).await;
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

#[tokio::test(start_paused = true)]
async fn an_oversized_packet_is_refused_by_its_header_alone() {
    // 1 MiB is 2^20: the header alone is sent, of a packet one byte longer.
    refused("1 MiB + 1", &[0x30, 0x81, 0x80, 0x40]).await;
    refused("256 MiB", &[0x32, 0xff, 0xff, 0xff, 0x7f]).await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_of_1_mib_is_taken() {
    let (device, mut peer) = Device::connected().await;
    let query = device.query("4.op");
    let request = peer.request().await;
    let topic = answer_topic("404", &request.id);
    let body = vec![b'x'; (1 << 20) - topic.len() - 4];
    peer.send(publish(&topic, 1, body.clone())).await;
    let error = query.error().await;
    assert_eq!(error.service().expect("what the service said").body(), body);
}

#[tokio::test(start_paused = true)]
async fn the_size_limit_is_the_one_that_was_set() {
    let options = || MqttOptions::default().with_max_packet_size(1000);
    let (_device, mut peer) = Device::with_options(options()).connect().await;
    peer.publish("a", vec![0; 1000 - 5]).await;
    let (device, mut peer) = Device::with_options(options()).connect().await;
    peer.send_bytes(&encoded(&publish("a", 1, vec![0; 1000 - 4]))).await;
    unexpected(&device.lost().await, "1001 bytes");
    peer.gone().await;
}

/// The bytes end the connection, be it idle or in use.
async fn refused(what: &str, bytes: &[u8]) {
    let (device, mut peer) = Device::connected().await;
    peer.send_bytes(bytes).await;
    unexpected(&device.lost().await, what);
    peer.closed().await;

    let (device, mut peer) = Device::connected().await;
    let query = device.query("4.op");
    let request = peer.request().await;
    peer.acknowledge(&request).await;
    peer.send_bytes(bytes).await;
    let error = query.error().await;
    unexpected(&error, what);
    assert_eq!(error.phase(), Some(Phase::Poll));
    peer.closed().await;
}

fn unexpected(error: &TransportError, what: &str) {
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{what}");
}
