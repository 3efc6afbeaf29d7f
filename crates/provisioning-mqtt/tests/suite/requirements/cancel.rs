//! `cancel`, in every state.

use futures_util::FutureExt;
use provisioning_types::{ErrorKind, PollingTransport};
use test_support::settle;

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device, request},
    mocks::Mocked,
};

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_030
#[test]
fn while_disconnected_it_returns_at_once() {
    let mocked = Mocked::default();
    let outcome = mocked.transport(None).cancel().now_or_never();
    assert!(outcome.expect("at once").is_ok());
    assert!(mocked.given().is_empty());
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_062
#[tokio::test(start_paused = true)]
async fn while_connecting_it_closes_the_connection_and_ends_the_request() {
    super::closes_a_half_made_connection_and_ends_the_request(Device::cancel).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_032
#[tokio::test(start_paused = true)]
async fn while_idle_it_returns_at_once_and_the_connection_stays() {
    let (device, mut peer) = Device::connected().await;
    let outcome = device.transport.cancel().now_or_never();
    assert!(outcome.expect("at once").is_ok());
    let query = device.query("4.op");
    // Nothing was sent in between, or this would be that.
    let request = peer.request().await;
    peer.answer(&request, "200", ASSIGNED).await;
    query.success().await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_033
#[tokio::test(start_paused = true)]
async fn a_registration_request_ends_as_cancelled_and_its_late_answer_is_ignored() {
    ends_as_cancelled(Asked::Register).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_034
#[tokio::test(start_paused = true)]
async fn a_query_ends_as_cancelled_and_its_late_answer_is_ignored() {
    ends_as_cancelled(Asked::QUERY).await;
}

async fn ends_as_cancelled(asked: Asked) {
    let (device, mut peer) = Device::connected().await;
    let cancelled = device.ask(asked, request());
    let late = peer.request().await;
    device.cancel().await;
    assert_eq!(cancelled.error().await.kind(), ErrorKind::Cancelled);

    let next = device.ask(asked, request());
    let request = peer.request().await;
    peer.answer(&late, "200", ASSIGNED).await;
    settle().await;
    assert!(!next.is_finished(), "it took the answer to the cancelled request");
    peer.answer(&request, "202", ASSIGNING).await;
    assert_eq!(next.success().await.body(), ASSIGNING.as_bytes());
}
