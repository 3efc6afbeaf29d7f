//! `disconnect`, in every state, and how a connection is left.

use futures_util::FutureExt;
use mockall::{Sequence, predicate::eq};
use provisioning_types::{ErrorKind, PollingTransport, TransportError};
use test_support::settle;

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, Device, request},
    mocks::{self, MockMqttSession, Mocked},
    peer::ANSWERS,
};

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_052
#[test]
fn while_disconnected_it_returns_at_once() {
    let mocked = Mocked::default();
    let outcome = mocked.transport(None).disconnect().now_or_never();
    assert!(outcome.expect("at once").is_ok());
    assert!(mocked.given().is_empty());
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_061
#[tokio::test(start_paused = true)]
async fn while_connecting_it_closes_the_connection_and_ends_the_request() {
    super::closes_a_half_made_connection_and_ends_the_request(Device::disconnect).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_054
#[tokio::test(start_paused = true)]
async fn while_idle_it_leaves() {
    let (device, mut peer) = Device::connected().await;
    device.disconnect().await;
    peer.left().await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_055
#[tokio::test(start_paused = true)]
async fn during_a_registration_request_it_ends_that_as_cancelled_and_leaves() {
    ends_the_request_and_leaves(Asked::Register).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_056
#[tokio::test(start_paused = true)]
async fn during_a_query_it_ends_that_as_cancelled_and_leaves() {
    ends_the_request_and_leaves(Asked::QUERY).await;
}

async fn ends_the_request_and_leaves(asked: Asked) {
    for is_acknowledged in [false, true] {
        let (device, mut peer) = Device::connected().await;
        let call = device.ask(asked, request());
        let request = peer.request().await;
        if is_acknowledged {
            peer.acknowledge(&request).await;
            settle().await;
        }
        device.disconnect().await;
        assert_eq!(call.error().await.kind(), ErrorKind::Cancelled);
        peer.left().await;
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_044
/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_045
#[tokio::test(start_paused = true)]
async fn leaving_unsubscribes_and_then_disconnects() {
    let mut order = Sequence::new();
    let (mocked, mut session) = answering_session();
    session
        .expect_unsubscribe()
        .with(eq(ANSWERS))
        .once()
        .in_sequence(&mut order)
        .returning(|_| Ok(()));
    session
        .expect_disconnect()
        .once()
        .in_sequence(&mut order)
        .returning(|| Ok(()));
    assert!(outcome_of_leaving(&mocked, session).await.is_ok());
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_048
#[tokio::test(start_paused = true)]
async fn a_failure_to_leave_is_told_and_that_of_disconnect_rather_than_of_unsubscribe() {
    let unsubscribe = || Err(TransportError::new(ErrorKind::Lost, "unsubscribe failed"));
    let disconnect = || Err(TransportError::new(ErrorKind::Timeout, "disconnect failed"));
    for (unsubscribed, disconnected, told) in [
        (unsubscribe(), Ok(()), "unsubscribe failed"),
        (Ok(()), disconnect(), "disconnect failed"),
        (unsubscribe(), disconnect(), "disconnect failed"),
    ] {
        let (mocked, mut session) = answering_session();
        session.expect_unsubscribe().once().return_once(|_| unsubscribed);
        session.expect_disconnect().once().return_once(|| disconnected);
        let error = outcome_of_leaving(&mocked, session).await.expect_err(told);
        assert_eq!(error.to_string(), told);
    }
}

fn answering_session() -> (Mocked, MockMqttSession) {
    let mocked = Mocked::default();
    let mut session = mocks::session();
    session.expect_publish().returning(mocked.answering("202", ASSIGNING));
    (mocked, session)
}

async fn outcome_of_leaving(mocked: &Mocked, session: MockMqttSession) -> Result<(), TransportError> {
    let transport = mocked.transport(session);
    Asked::Register.of(&transport, &request()).await.expect("an answer");
    transport.disconnect().await
}
