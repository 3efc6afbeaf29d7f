//! Leaving, on purpose and by letting go.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use provisioning_mqtt::MqttTransport;
use provisioning_types::{ErrorKind, PollingTransport, TransportError};
use tokio::time::{Instant, sleep};

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, Device, request},
    line::Line,
    mocks::{self, Mocked},
    settle, soon,
};

#[tokio::test(start_paused = true)]
async fn unsubscribe_and_disconnect_are_flushed_before_it_is_over() {
    let line = Line::narrow(4);
    let (device, mut peer) = Device::on(line).connect().await;
    let transport = Arc::clone(&device.transport);
    let leaving = tokio::spawn(async move { transport.disconnect().await });
    sleep(Duration::from_millis(900)).await;
    assert!(!leaving.is_finished(), "it is over while the peer has not read");
    peer.left().await;
    assert!(leaving.await.expect("no panic").is_ok());
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
    let line = Line::narrow(4);
    let (device, mut peer) = Device::on(line).connect().await;
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
    let line = Line::narrow(1);
    let (device, mut peer) = Device::on(line).connect().await;
    drop(device);
    sleep(Duration::from_secs(2)).await;
    peer.gone().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_connection_is_disconnected_in_the_background() {
    let (device, mut peer) = Device::connected().await;
    device.transport.abandon();
    peer.disconnected().await;
    device.connect().await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_request_is_cancelled() {
    let (device, mut peer) = Device::connected().await;
    let register = device.register();
    peer.request().await;
    device.transport.abandon();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.disconnected().await;

    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    peer.subscription().await;
    device.transport.abandon();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.disconnected().await;

    let register = device.register();
    let mut peer = device.peer().await;
    peer.packet().await;
    device.transport.abandon();
    assert_eq!(register.error().await.kind(), ErrorKind::Cancelled);
    peer.closed().await;
    device.connect().await;
}

/// On several threads the session may fail the publication before the request hears that it is cancelled.
#[tokio::test(start_paused = true)]
async fn a_request_that_fails_because_it_is_cancelled_is_cancelled() {
    let transport = Arc::new(OnceLock::<MqttTransport>::new());
    let mut session = mocks::session();
    let abandoned = Arc::clone(&transport);
    session.expect_publish().once().returning(move |_, _| {
        abandoned.get().expect("it is there").abandon();
        Err(TransportError::new(ErrorKind::Lost, "the connection has ended"))
    });
    let transport = transport.get_or_init(|| Mocked::default().transport(session));
    let error = Asked::Register.of(transport, &request()).await.expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
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
    soon("the answer", second.outcome()).await.expect("an answer");
}
