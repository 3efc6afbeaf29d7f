//! Requests whose future is dropped, wherever it waits.

use std::time::Duration;

use futures_util::FutureExt;
use provisioning_types::{PollingTransport, Progress, Request};
use rumqttc::Packet;
use test_support::{request_of, settle};
use tokio::time::sleep;

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device, request},
};

#[tokio::test(start_paused = true)]
async fn before_connack_the_connection_is_closed() {
    for asked in Asked::BOTH {
        let device = Device::new();
        let call = device.ask(asked, request());
        let mut peer = device.peer().await;
        peer.packet().await;
        call.cancel().await;
        peer.closed().await;
        device.connect().await;
    }
}

#[tokio::test(start_paused = true)]
async fn before_suback_the_connection_is_disconnected() {
    for asked in Asked::BOTH {
        let device = Device::new();
        let call = device.ask(asked, request());
        let mut peer = device.peer().await;
        peer.accept().await;
        peer.subscription().await;
        call.cancel().await;
        peer.disconnected().await;
        device.connect().await;
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_request_is_written_it_is_not_written_any_more() {
    let (device, mut peer) = Device::connected().await;
    let forgotten = request();
    // One poll hands it over, but nothing is written before the session's task runs.
    let asking = device
        .transport
        .send(&forgotten, &Request::Register, Progress::ignored());
    assert!(asking.now_or_never().is_none());
    let query = device.query("4.op");
    let request = peer.request().await;
    assert!(request.topic.contains("iotdps-get-operationstatus"));
    peer.answer(&request, "202", ASSIGNING).await;
    query.success().await;
}

#[tokio::test(start_paused = true)]
async fn before_puback_or_the_answer_the_connection_stays_and_the_answer_is_ignored() {
    for asked in Asked::BOTH {
        for is_acknowledged in [false, true] {
            let (device, mut peer) = Device::connected().await;
            let call = device.ask(asked, request());
            let late = peer.request().await;
            if is_acknowledged {
                peer.acknowledge(&late).await;
                settle().await;
            }
            call.cancel().await;
            peer.answer(&late, "200", ASSIGNED).await;
            let next = device.ask(asked, request());
            let request = peer.request().await;
            peer.answer(&late, "200", ASSIGNED).await;
            peer.acknowledge(&late).await;
            settle().await;
            assert!(!next.is_finished(), "it took the answer to the forgotten request");
            peer.answer(&request, "202", ASSIGNING).await;
            assert_eq!(next.success().await.body(), ASSIGNING.as_bytes());
            assert!(device.made_no_connection().await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_connection_for_another_device_is_left_the_next_request_makes_a_new_one() {
    let (device, mut peer) = Device::narrow(4).connect().await;
    let other = device.register_with(request_of("device-2"));
    settle().await;
    // It waits for the first connection to take UNSUBSCRIBE and DISCONNECT.
    assert!(device.made_no_connection().await);
    other.cancel().await;
    let register = device.register();
    let mut second = device.peer().await;
    peer.left().await;
    second.welcome().await;
    let request = second.request().await;
    second.answer(&request, "202", ASSIGNING).await;
    register.success().await;
}

#[tokio::test(start_paused = true)]
async fn while_a_refused_connection_is_left_the_next_request_makes_a_new_one() {
    let device = Device::narrow(1);
    let register = device.register();
    let mut peer = device.peer().await;
    peer.accept().await;
    let [high, low] = peer.subscription().await.pkid.to_be_bytes();
    peer.send_bytes(&[0x90, 3, high, low, 0x80]).await;
    sleep(Duration::from_millis(500)).await;
    assert!(!register.is_finished(), "DISCONNECT has two bytes");
    register.cancel().await;
    assert_eq!(peer.next().await, Some(Packet::Disconnect));
    device.connect().await;
}
