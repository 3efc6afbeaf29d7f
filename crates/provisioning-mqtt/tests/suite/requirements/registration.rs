//! The registration request.

use std::collections::BTreeSet;

use provisioning_net::Scheme;
use provisioning_types::{CsrDer, Phase, RegistrationRequest, RegistrationStatus, Response};
use serde_json::{Value, json};

use super::{answered, connects_and_subscribes_first};
use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device, request},
    mocks::given_for,
};

const REGISTER: Asked = Asked::Register;

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_002
#[tokio::test(start_paused = true)]
async fn it_connects_and_subscribes_before_it_publishes() {
    connects_and_subscribes_first(REGISTER).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_003
#[tokio::test(start_paused = true)]
async fn it_is_published_to_the_register_topic_under_an_id_of_its_own() {
    let (device, mut peer) = Device::connected().await;
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let register = device.register();
        let request = peer.request().await;
        let id = request
            .topic
            .strip_prefix("$dps/registrations/PUT/iotdps-register/?$rid=");
        let id = id.expect("the register topic").to_owned();
        assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(ids.insert(id), "an id is used again");
        peer.answer(&request, "202", ASSIGNING).await;
        register.success().await;
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_004
#[tokio::test(start_paused = true)]
async fn it_fails_as_its_publication_does() {
    super::fails_as_its_publication_does(REGISTER, Phase::Register).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_010
#[tokio::test(start_paused = true)]
async fn it_takes_the_answer_with_its_id_and_no_other() {
    super::takes_its_own_answer_only(REGISTER).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_006
#[tokio::test(start_paused = true)]
async fn it_hands_on_how_long_the_service_asks_to_wait() {
    super::hands_on_retry_after(REGISTER).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_012
#[tokio::test(start_paused = true)]
async fn it_is_refused_by_a_status_from_300_to_428() {
    super::is_refused_from_300_to_428(REGISTER, Phase::Register).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_003
#[tokio::test(start_paused = true)]
async fn a_status_of_429_or_above_means_registering_without_an_operation_id() {
    for (status, code) in [("429", 429), ("430", 430), ("500", 500), ("503", 503), ("1000", 1000)] {
        for body in ["", "slow down", ASSIGNED] {
            let answer = answered(REGISTER, status, body).await.expect(status);
            let expected = Response::new(code, RegistrationStatus::Registering).with_body(body);
            assert_eq!(answer, expected);
        }
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_013
#[tokio::test(start_paused = true)]
async fn a_status_below_300_is_an_answer_with_its_body() {
    for (status, code) in [("200", 200), ("202", 202), ("299", 299)] {
        let answer = answered(REGISTER, status, ASSIGNED).await.expect(status);
        let expected = Response::new(code, RegistrationStatus::Assigned)
            .with_operation_id("4.op")
            .with_body(ASSIGNED);
        assert_eq!(answer, expected);
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_015
#[tokio::test(start_paused = true)]
async fn it_fails_with_the_words_of_the_service() {
    super::hands_on_what_the_service_said(REGISTER).await;
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_001
#[tokio::test(start_paused = true)]
async fn its_body_is_a_json_object_with_the_registration_id() {
    assert_eq!(body(None).await, json!({"registrationId": "device-1"}));
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_06_002
#[tokio::test(start_paused = true)]
async fn its_body_carries_the_payload_when_there_is_one() {
    for payload in [
        json!({"site": "north", "ids": [1, 2.5, null]}),
        json!([]),
        json!({}),
        json!(0),
        json!(false),
        json!(""),
        json!(null),
        json!("Grüße, 世界 \u{1f680} \" \\ \u{0}"),
    ] {
        let expected = json!({"registrationId": "device-1", "payload": payload});
        assert_eq!(body(Some(payload)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn its_body_carries_the_signing_request_when_there_is_one() {
    let with_csr = with_csr();
    assert_eq!(
        body_of(with_csr.clone()).await,
        json!({"registrationId": "device-1", "csr": "YSByZXF1ZXN0"})
    );
    assert_eq!(
        body_of(with_csr.with_payload(json!(0))).await,
        json!({"registrationId": "device-1", "payload": 0, "csr": "YSByZXF1ZXN0"})
    );
    assert_eq!(body(None).await.get("csr"), None);
}

#[tokio::test(start_paused = true)]
async fn a_signing_request_takes_the_api_version_that_knows_it() {
    let user_name = given_for(Scheme::Mqtts, with_csr()).await.login.user_name;
    let beginning = "0ne00A1B2C3/registrations/device-1/api-version=2026-11-01&ClientVersion=";
    assert!(user_name.starts_with(beginning), "{user_name}");
}

/// The body of a registration request with this payload.
async fn body(payload: Option<Value>) -> Value {
    match payload {
        Some(payload) => body_of(request().with_payload(payload)).await,
        None => body_of(request()).await,
    }
}

/// The body of this registration request.
async fn body_of(request: RegistrationRequest) -> Value {
    let device = Device::new();
    let _register = device.register_with(request);
    let mut peer = device.peer().await;
    peer.welcome().await;
    serde_json::from_slice(&peer.request().await.body).expect("JSON")
}

/// A registration request that asks for a certificate.
fn with_csr() -> RegistrationRequest {
    request().with_csr(CsrDer::new(b"a request".to_vec()))
}
