//! Bytes in every portion: in crumbs, in lumps, through narrow pipes, and against a peer that does not read.

use std::time::Duration;

use provisioning_types::{ErrorKind, PollingTransport};
use rumqttc::{Packet, PubAck};
use serde_json::json;
use test_support::settle;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Device, request},
    peer::{Peer, accepted, answer_topic, encoded, granted, publish, request_id},
};

#[tokio::test(start_paused = true)]
async fn packets_may_come_byte_by_byte() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    crumbs(&mut peer, &accepted()).await;
    let subscribe = peer.subscription().await;
    crumbs(&mut peer, &granted(&subscribe)).await;
    let request = peer.request().await;
    crumbs(&mut peer, &Packet::PubAck(PubAck::new(request.packet_id))).await;
    crumbs(&mut peer, &publish(&answer_topic("202", &request.id), 300, ASSIGNING)).await;
    assert_eq!(register.success().await.body(), ASSIGNING.as_bytes());
    assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(300)));
}

async fn crumbs(peer: &mut Peer, packet: &Packet) {
    for &byte in &encoded(packet) {
        peer.send_bytes(&[byte]).await;
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn several_packets_may_come_at_once() {
    let device = Device::new();
    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    let mut lump = encoded(&accepted());
    lump.extend(encoded(&Packet::PingResp));
    lump.extend(encoded(&publish("somewhere/else", 1, "")));
    peer.send_bytes(&lump).await;
    let subscribe = loop {
        match peer.packet().await {
            Packet::Subscribe(subscribe) => break subscribe,
            packet => assert_eq!(packet, Packet::PubAck(PubAck::new(1))),
        }
    };
    peer.grant(&subscribe).await;
    let request = loop {
        match peer.packet().await {
            Packet::Publish(request) => break request,
            packet => assert_eq!(packet, Packet::PubAck(PubAck::new(1))),
        }
    };
    let id = request_id(&request.topic);
    let mut lump = encoded(&publish(&answer_topic("200", "other"), 2, ASSIGNED));
    lump.extend(encoded(&publish(&answer_topic("202", id), 3, ASSIGNING)));
    lump.extend(encoded(&Packet::PubAck(PubAck::new(request.pkid))));
    lump.extend(encoded(&publish(&answer_topic("202", id), 4, ASSIGNED)));
    peer.send_bytes(&lump).await;
    assert_eq!(register.success().await.body(), ASSIGNING.as_bytes());
    for packet_id in 2..=4 {
        assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(packet_id)));
    }
}

#[tokio::test(start_paused = true)]
async fn large_payloads_pass_both_ways_through_narrow_pipes() {
    for buffer in [7, 1000] {
        let (device, mut peer) = narrow(buffer).await;
        let large = "x".repeat(200_000);
        let register = device.register_with(request().with_payload(json!(large)).with_max_payload(usize::MAX));
        let request = peer.request().await;
        assert!(request.body.len() > 200_000);
        let body = json!({"status": "assigning", "operationId": "4.op", "x": large}).to_string();
        peer.answer(&request, "202", body.clone()).await;
        assert_eq!(register.success().await.body(), body.as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_only_after_it_has_written_is_no_deadlock() {
    for buffer in [7, 1000] {
        let (device, mut peer) = narrow(buffer).await;
        let register = device.register_with(request().with_payload(json!("x".repeat(90_000))));
        settle().await;
        // Both write at the same time; one of them has to read as well.
        peer.send(publish("somewhere/else", 1, vec![0; 200_000])).await;
        let request = peer.request().await;
        assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(1)));
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
    }
}

/// What the service sends faster than it takes the acknowledgements is left on its side.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_not_listened_to_for_ever() {
    let device = Device::narrow(1000);
    let register = device.register();
    let mut peer = device.peer().await;
    peer.welcome().await;
    let message = encoded(&publish("a", 1, vec![0; 93]));
    let mut sent = 0;
    let flood = async {
        while sent < 100_000 {
            peer.send_bytes(&message).await;
            sent += 1;
        }
    };
    // The keep-alive's limit has not come yet.
    let stuck = timeout(Duration::from_secs(60), flood).await;
    assert!(stuck.is_err(), "it reads for ever");
    assert!(sent > 1000, "it stopped after {sent} messages");
    assert!(sent < 25_000, "{sent} acknowledgements wait");
    drop(register);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_left_within_a_second() {
    let (device, mut peer) = narrow(10).await;
    let register = device.register();
    settle().await;
    let before = Instant::now();
    let error = device.transport.disconnect().await.expect_err("it takes nothing");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(before.elapsed() <= Duration::from_secs(1), "{:?}", before.elapsed());
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    // What was on its way is all that comes.
    peer.gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_lost_when_it_answers_no_ping() {
    let (device, _peer) = narrow(10).await;
    let query = device.query("4.op");
    assert_eq!(query.error().await.kind(), ErrorKind::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_of_connect_is_cancelled() {
    let device = Device::narrow(10);
    let register = device.register();
    let mut stream = device.stream().await;
    settle().await;
    device.cancel().await;
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    assert!(stream.write_all(b"too late").await.is_err());
}

/// A connection through which so many bytes pass at a time.
async fn narrow(buffer: usize) -> (Device, Peer) {
    Device::narrow(buffer).connect().await
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_the_service_does_not_take_is_refused_before_any_connection() {
    let device = Device::new();
    let too_large = request().with_payload(json!("x".repeat(98_304)));
    let error = device.register_with(too_large).error().await;
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("it is 98306 bytes long"), "{error}");
    assert!(device.made_no_connection().await);
}
