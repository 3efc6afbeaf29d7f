//! A connection that is cancelled while CONNACK is on its way: the service handles its CONNECT before the next one.

use std::time::Duration;

use rumqttc::Packet;
use test_support::settle;
use tokio::time::{Instant, timeout};

use crate::support::{
    bodies::ASSIGNING,
    device::Device,
    peer::{Peer, accepted},
};

/// The service's end of a connection that was cancelled after CONNECT.
async fn abandoned(device: &Device) -> Peer {
    let first = device.register();
    let mut peer = device.peer().await;
    assert!(matches!(peer.packet().await, Packet::Connect(_)));
    device.cancel().await;
    first.error().await;
    peer
}

#[tokio::test(start_paused = true)]
async fn the_next_connect_waits_until_the_abandoned_one_was_answered_and_left() {
    let device = Device::new();
    let mut abandoned = abandoned(&device).await;
    let second = device.register();
    let mut next = device.peer().await;
    settle().await;
    assert!(
        timeout(Duration::ZERO, next.packet()).await.is_err(),
        "it waits for its turn"
    );
    abandoned.send(accepted()).await;
    abandoned.disconnected().await;
    next.welcome().await;
    let request = next.request().await;
    next.answer(&request, "202", ASSIGNING).await;
    second.success().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_connect_that_is_not_answered_delays_the_next_by_a_second_at_most() {
    let device = Device::new();
    let mut abandoned = abandoned(&device).await;
    let begun = Instant::now();
    let second = device.register();
    let mut next = device.peer().await;
    next.welcome().await;
    assert!(begun.elapsed() <= Duration::from_millis(1_010), "{:?}", begun.elapsed());
    abandoned.closed().await;
    let request = next.request().await;
    next.answer(&request, "202", ASSIGNING).await;
    second.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_was_not_sent_as_a_whole_is_not_completed() {
    let device = Device::narrow(10);
    let first = device.register();
    let mut abandoned = device.peer().await;
    settle().await;
    device.cancel().await;
    first.error().await;
    let begun = Instant::now();
    let second = device.register();
    assert_eq!(abandoned.rest().await.len(), 10);
    let mut next = device.peer().await;
    next.welcome().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(second);
}
