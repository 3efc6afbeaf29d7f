//! Nothing of a request reaches the wire after `cancel` has returned, whichever task is polled first.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use futures_util::FutureExt;
use provisioning_mqtt::MqttTransport;
use provisioning_types::{ErrorKind, PollingTransport, Progress, Request, Response, TransportError};
use rumqttc::{Packet, PubAck};
use test_support::settle;
use tokio::time::Instant;

use crate::support::{
    bodies::ASSIGNING,
    device::{Device, request},
    peer::{Peer, publish},
};

type InFlight = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

/// A registration request, polled once and then not any more.
fn unpolled(transport: &Arc<MqttTransport>) -> InFlight {
    let transport = Arc::clone(transport);
    let mut sending: InFlight = Box::pin(async move {
        transport
            .send(&request(), &Request::Register, Progress::ignored())
            .await
    });
    assert!(
        sending
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    sending
}

fn cancel_at_once(device: &Device) {
    let cancelled = device.transport.cancel().now_or_never();
    cancelled.expect("`cancel` returns at once").expect("cancelled");
}

async fn is_cancelled(sending: InFlight) {
    assert_eq!(sending.await.expect_err("cancelled").kind(), ErrorKind::Cancelled);
}

/// The next request is the query, on this connection.
async fn only_a_query_arrives(device: &Device, peer: &mut Peer) {
    let query = device.query("4.op");
    let request = peer.request().await;
    assert!(
        request.topic.contains("iotdps-get-operationstatus"),
        "{}",
        request.topic
    );
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
    assert!(device.made_no_connection().await);
}

/// The device acknowledges these messages, and sends nothing else meanwhile.
async fn acknowledges(peer: &mut Peer, packet_ids: impl Iterator<Item = u16>) {
    for packet_id in packet_ids {
        assert_eq!(peer.packet().await, Packet::PubAck(PubAck::new(packet_id)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_in_the_queue_is_discarded() {
    let (device, mut peer) = Device::connected().await;
    let sending = unpolled(&device.transport);
    cancel_at_once(&device);
    // The request is not polled here, and the session's task runs.
    settle().await;
    only_a_query_arrives(&device, &mut peer).await;
    is_cancelled(sending).await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_waits_to_be_written_is_discarded_and_the_packets_around_it_are_not() {
    // PUBACK has four bytes.
    let (device, mut peer) = Device::narrow(4).connect().await;
    // The acknowledgement of the second message does not fit; the request comes behind it.
    peer.send(publish("a", 1, "")).await;
    peer.send(publish("a", 2, "")).await;
    settle().await;
    let sending = unpolled(&device.transport);
    settle().await;
    // This one comes behind the request.
    peer.send(publish("a", 3, "")).await;
    settle().await;
    cancel_at_once(&device);
    settle().await;
    acknowledges(&mut peer, 1..=3).await;
    only_a_query_arrives(&device, &mut peer).await;
    is_cancelled(sending).await;
}

/// What was handed over cannot be taken back, and the rest is not sent: the connection ends.
#[tokio::test(start_paused = true)]
async fn a_publish_that_was_written_in_part_is_never_completed() {
    let (device, mut peer) = Device::narrow(10).connect().await;
    let sending = unpolled(&device.transport);
    settle().await;
    cancel_at_once(&device);
    settle().await;
    let register = device.register();
    let mut second = device.peer().await;
    second.welcome().await;
    is_cancelled(sending).await;
    let sent = peer.rest().await;
    assert_eq!(sent.len(), 10, "{sent:?}");
    let request = second.request().await;
    second.answer(&request, "202", ASSIGNING).await;
    register.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_is_not_written_any_more_either() {
    let (device, mut peer) = Device::narrow(4).connect().await;
    peer.send(publish("a", 1, "")).await;
    peer.send(publish("a", 2, "")).await;
    settle().await;
    let sending = unpolled(&device.transport);
    settle().await;
    drop(sending);
    acknowledges(&mut peer, 1..=2).await;
    only_a_query_arrives(&device, &mut peer).await;
}

/// `disconnect` does not leave a packet cut in the middle: it is completed before DISCONNECT, and one that was not
/// begun is not sent.
#[tokio::test(start_paused = true)]
async fn a_disconnect_completes_what_was_begun_and_discards_what_was_not() {
    let (device, mut peer) = Device::narrow(10).connect().await;
    let sending = unpolled(&device.transport);
    settle().await;
    let transport = Arc::clone(&device.transport);
    let disconnecting = tokio::spawn(async move { transport.disconnect().await });
    settle().await;
    peer.request().await;
    peer.left().await;
    disconnecting.await.expect("no panic").expect("disconnected");
    is_cancelled(sending).await;

    let (device, mut peer) = Device::connected().await;
    let sending = unpolled(&device.transport);
    device.disconnect().await;
    peer.left().await;
    is_cancelled(sending).await;
}

/// What has not arrived when `cancel` has returned does not arrive, while the session's task writes on another thread.
/// It takes real time: a paused clock has one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_publish_follows_a_cancel_while_another_thread_writes() {
    let (device, mut peer) = Device::connected().await;
    for round in 0..500_u32 {
        let sending = unpolled(&device.transport);
        spin(Duration::from_micros(5 * u64::from(round % 40))).await;
        device.cancel().await;
        while let Some(arrived) = peer.next().now_or_never() {
            arrived.expect("the connection stands");
        }
        spin(Duration::from_micros(300)).await;
        let late = peer.next().now_or_never();
        assert!(late.is_none(), "in round {round}, after `cancel`: {late:?}");
        is_cancelled(sending).await;
    }
    only_a_query_arrives(&device, &mut peer).await;
}

/// Lets so little time pass that a timer cannot.
async fn spin(duration: Duration) {
    let until = Instant::now() + duration;
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}
