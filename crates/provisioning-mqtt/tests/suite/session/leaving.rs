//! Leaving, on purpose and by letting go.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use provisioning_types::{ErrorKind, PollingTransport};
use test_support::settle;
use tokio::time::{Instant, sleep};

use crate::support::{bodies::ASSIGNING, device::Device};

#[tokio::test(start_paused = true)]
async fn unsubscribe_and_disconnect_are_flushed_before_it_is_over() {
    let (device, mut peer) = Device::narrow(4).connect().await;
    let transport = Arc::clone(&device.transport);
    let leaving = tokio::spawn(async move { transport.disconnect().await });
    sleep(Duration::from_millis(900)).await;
    assert!(!leaving.is_finished(), "it is over while the peer has not read");
    peer.left().await;
    assert!(leaving.await.expect("no panic").is_ok());
}

#[tokio::test(start_paused = true)]
async fn disconnect_is_flushed_before_a_connection_without_a_subscription_is_closed() {
    for cancel in [false, true] {
        let device = Device::narrow(1);
        let register = device.register();
        let mut peer = device.peer().await;
        peer.accept().await;
        peer.subscription().await;
        let transport = Arc::clone(&device.transport);
        let leaving = tokio::spawn(async move {
            if cancel {
                transport.cancel().await
            } else {
                transport.disconnect().await
            }
        });
        // The request need not wait for it.
        assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
        settle().await;
        assert!(!leaving.is_finished(), "it is over while the peer has not read");
        peer.disconnected().await;
        assert!(leaving.await.expect("no panic").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn unsuback_is_not_awaited() {
    let (device, mut peer) = Device::connected().await;
    let before = Instant::now();
    device.disconnect().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    peer.left().await;
}

#[tokio::test(start_paused = true)]
async fn leaving_twice_is_leaving_once() {
    let (device, mut peer) = Device::connected().await;
    let both = tokio::join!(device.transport.disconnect(), device.transport.disconnect());
    assert!(both.0.is_ok() && both.1.is_ok());
    assert!(device.transport.disconnect().await.is_ok());
    peer.left().await;
}

#[tokio::test(start_paused = true)]
async fn leaving_goes_on_when_nobody_waits_for_its_end() {
    let (device, mut peer) = Device::narrow(4).connect().await;
    assert!(device.transport.disconnect().now_or_never().is_none());
    // UNSUBSCRIBE was not written yet, and is spared.
    peer.disconnected().await;
}

#[tokio::test(start_paused = true)]
async fn after_leaving_a_request_makes_a_new_connection() {
    let (device, mut peer) = Device::connected().await;
    device.disconnect().await;
    peer.left().await;
    device.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_dropped_disconnects() {
    let (device, mut peer) = Device::connected().await;
    drop(device);
    peer.disconnected().await;
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_dropped_does_not_wait_for_a_peer_that_does_not_read() {
    let (device, mut peer) = Device::narrow(1).connect().await;
    drop(device);
    sleep(Duration::from_secs(2)).await;
    peer.gone().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_connection_is_disconnected_in_the_background() {
    let (device, mut peer) = Device::connected().await;
    device.transport.abort();
    peer.disconnected().await;
    device.connect().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_request_is_cancelled() {
    let (device, mut peer) = Device::connected().await;
    let register = device.register();
    peer.request().await;
    device.transport.abort();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.disconnected().await;

    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    peer.subscription().await;
    device.transport.abort();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.disconnected().await;

    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    device.transport.abort();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.closed().await;
    device.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_cancel_does_not_end_the_next_request() {
    let (device, mut peer) = Device::connected().await;
    let first = device.register();
    peer.request().await;
    device.cancel().await;
    device.cancel().await;
    // The first has not heard of it yet: nothing else ran.
    let second = device.register();
    assert_eq!(first.error().await.kind(), ErrorKind::Cancelled);
    let request = peer.request().await;
    settle().await;
    assert!(!second.is_finished());
    peer.answer(&request, "202", ASSIGNING).await;
    second.success().await;
}
