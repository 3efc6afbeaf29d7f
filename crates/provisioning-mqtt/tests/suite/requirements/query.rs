//! The query of an operation's status.

use provisioning_types::{Phase, RegistrationStatus, Response};

use super::{answered, connects_and_subscribes_first};
use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device},
};

const QUERY: Asked = Asked::QUERY;

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_016
#[tokio::test(start_paused = true)]
async fn it_connects_and_subscribes_before_it_publishes() {
    connects_and_subscribes_first(QUERY).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_017
#[tokio::test(start_paused = true)]
async fn it_is_published_to_the_operation_status_topic_with_its_id_and_the_operation() {
    let (device, mut peer) = Device::connected().await;
    let first = device.query("4.65f62b2644c85bb1.331ffb1b-35e2");
    let request = peer.request().await;
    let prefix = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";
    let suffix = "&operationId=4.65f62b2644c85bb1.331ffb1b-35e2";
    assert_eq!(request.topic, format!("{prefix}{}{suffix}", request.id));
    assert!(!request.id.is_empty());
    peer.answer(&request, "202", ASSIGNING).await;
    first.success().await;
    let _second = device.query("4.op");
    assert_ne!(peer.request().await.id, request.id);
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_018
#[tokio::test(start_paused = true)]
async fn it_fails_as_its_publication_does() {
    super::fails_as_its_publication_does(QUERY, Phase::Poll).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_024
#[tokio::test(start_paused = true)]
async fn it_takes_the_answer_with_its_id_and_no_other() {
    super::takes_its_own_answer_only(QUERY).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_005
#[tokio::test(start_paused = true)]
async fn it_hands_on_how_long_the_service_asks_to_wait() {
    super::hands_on_retry_after(QUERY).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_026
#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_status_from_300_to_428() {
    super::is_refused_from_300_to_428(QUERY, Phase::Poll).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_004
#[tokio::test(start_paused = true)]
async fn a_status_of_429_or_above_means_assigning_with_the_operation_that_was_asked_about() {
    let other = r#"{"operationId":"another","status":"assigned"}"#;
    for (status, code) in [("429", 429), ("430", 430), ("500", 500), ("503", 503), ("1000", 1000)] {
        for body in ["", "slow down", other] {
            let answer = answered(QUERY, status, body).await.expect(status);
            let expected = Response::new(code, RegistrationStatus::Assigning)
                .with_operation_id("4.op")
                .with_body(body);
            assert_eq!(answer, expected);
        }
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_027
#[tokio::test(start_paused = true)]
async fn a_status_below_300_is_an_answer_with_its_body() {
    for (status, code) in [("200", 200), ("202", 202), ("299", 299)] {
        let answer = answered(QUERY, status, ASSIGNED).await.expect(status);
        let expected = Response::new(code, RegistrationStatus::Assigned)
            .with_operation_id("4.op")
            .with_body(ASSIGNED);
        assert_eq!(answer, expected);
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_029
#[tokio::test(start_paused = true)]
async fn it_fails_with_the_words_of_the_service() {
    super::hands_on_what_the_service_said(QUERY).await;
}
