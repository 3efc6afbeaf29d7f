//! Keep-alive: pings while nobody asks and while somebody waits.

use std::time::Duration;

use provisioning_mqtt::MqttOptions;
use provisioning_types::{ErrorKind, PollingTransport, TransportError};
use rumqttc::Packet;
use test_support::soon;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::support::{bodies::ASSIGNING, device::Device, peer::Peer};

const TEN_MINUTES: Duration = Duration::from_secs(600);

async fn connected_with(keep_alive: Duration) -> (Device, Peer) {
    let options = MqttOptions::default()
        .with_keep_alive(keep_alive)
        .expect("a keep-alive");
    let device = Device::with_options(options);
    device.connect().await
}

/// Answers pings for `duration`, as a broker does that enforces the keep-alive; returns how many came.
async fn enforce(peer: &mut Peer, keep_alive: Duration, duration: Duration) -> u32 {
    let mut pings = 0;
    let end = Instant::now() + duration;
    while let Ok(packet) = timeout(end - Instant::now(), timeout(keep_alive * 3 / 2, peer.packet())).await {
        let packet = packet.expect("the broker drops a device that is silent for so long");
        assert_eq!(packet, Packet::PingReq);
        peer.send(Packet::PingResp).await;
        pings += 1;
    }
    pings
}

#[tokio::test(start_paused = true)]
async fn pings_keep_a_request_alive_that_waits_for_ten_minutes() {
    for seconds in [1, 5, 30, 180] {
        let keep_alive = Duration::from_secs(seconds);
        let (device, mut peer) = connected_with(keep_alive).await;
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.acknowledge(&request).await;
        let pings = enforce(&mut peer, keep_alive, TEN_MINUTES).await;
        assert!(u64::from(pings) >= 600 / seconds, "{pings}");
        assert!(u64::from(pings) <= 2 * 600 / seconds, "{pings} are a flood");
        peer.answer(&request, "202", ASSIGNING).await;
        query.success().await;
    }
}

#[tokio::test(start_paused = true)]
async fn pings_keep_an_idle_connection_alive() {
    let keep_alive = Duration::from_secs(30);
    let (device, mut peer) = connected_with(keep_alive).await;
    assert!(enforce(&mut peer, keep_alive, TEN_MINUTES).await >= 20);
    let query = device.query("4.op");
    let request = peer.request().await;
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_is_not_pinged() {
    let (device, mut peer) = connected_with(Duration::from_secs(30)).await;
    for _ in 0..60 {
        sleep(Duration::from_secs(10)).await;
        let query = device.query("4.op");
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        query.success().await;
    }
}

async fn lost_within(limit: Duration, device: &Device) -> TransportError {
    let lost = timeout(limit, device.transport.connection_lost()).await;
    let error = lost.expect("the loss is noticed in time");
    assert_eq!(error.kind(), ErrorKind::Lost);
    error
}

#[tokio::test(start_paused = true)]
async fn a_ping_without_an_answer_ends_the_connection_in_bounded_time() {
    for seconds in [1, 30, 180, 65_535] {
        let keep_alive = Duration::from_secs(seconds);
        let (device, mut peer) = connected_with(keep_alive).await;
        let error = lost_within(keep_alive * 2, &device).await;
        assert!(error.to_string().contains("ping"), "{error}");
        assert_eq!(peer.next().await, Some(Packet::PingReq));
        peer.closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_without_an_answer_fails_the_request_that_waits() {
    let (device, mut peer) = connected_with(Duration::from_secs(20)).await;
    let query = device.query("4.op");
    peer.request().await;
    let start = Instant::now();
    assert_eq!(query.error().await.kind(), ErrorKind::Lost);
    assert!(start.elapsed() <= Duration::from_secs(40), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn other_packets_are_no_answer_to_a_ping() {
    let keep_alive = Duration::from_secs(20);
    let (device, mut peer) = connected_with(keep_alive).await;
    let chatter = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            peer.send_bytes(&[0x30, 3, 0, 1, b'a']).await;
        }
    };
    tokio::select! {
        _ = lost_within(keep_alive * 2, &device) => {}
        () = chatter => unreachable!("it does not end"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_a_ping_is_in_time_and_the_next_ping_follows() {
    let keep_alive = Duration::from_secs(30);
    let (device, mut peer) = connected_with(keep_alive).await;
    for _ in 0..10 {
        assert_eq!(soon("a ping", peer.packet()).await, Packet::PingReq);
        sleep(Duration::from_secs(29)).await;
        peer.send(Packet::PingResp).await;
    }
    // The last answer was late as well.
    assert_eq!(peer.packet().await, Packet::PingReq);
    peer.send(Packet::PingResp).await;
    let query = device.query("4.op");
    let request = peer.request().await;
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_pingresp_that_nobody_asked_for_is_ignored() {
    let keep_alive = Duration::from_secs(30);
    let (device, mut peer) = connected_with(keep_alive).await;
    let query = device.query("4.op");
    let request = peer.request().await;
    for _ in 0..3 {
        peer.send(Packet::PingResp).await;
    }
    assert!(enforce(&mut peer, keep_alive, Duration::from_secs(100)).await >= 3);
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
    // Nor does it count as the answer to a later ping.
    peer.send(Packet::PingResp).await;
    assert_eq!(peer.packet().await, Packet::PingReq);
    lost_within(keep_alive * 2, &device).await;
}

#[tokio::test(start_paused = true)]
async fn without_keep_alive_there_are_no_pings() {
    let (device, mut peer) = connected_with(Duration::ZERO).await;
    sleep_until(Instant::now() + Duration::from_secs(30 * 86_400)).await;
    let query = device.query("4.op");
    // Pings would come first.
    let request = peer.request().await;
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

#[tokio::test(start_paused = true)]
async fn the_keep_alive_is_what_the_service_is_told() {
    for (given, told) in [
        (Duration::from_secs(30), 30),
        (Duration::from_millis(1), 1),
        (Duration::ZERO, 0),
        (Duration::from_secs(65_535), 65_535),
    ] {
        let options = MqttOptions::default().with_keep_alive(given).expect("a keep-alive");
        let device = Device::with_options(options);
        let _register = device.register();
        assert_eq!(device.peer().await.accept().await.keep_alive, told);
    }
}
