//! What the two requirement documents ask of `register`: one set of tests, for the contract is one.

use provisioning_client::{FailureReason, RegisterError, StatusEvent};
use provisioning_types::{ErrorCode, ErrorKind, Phase, ServiceError, TransportError};
use serde_json::{Value, json};
use test_support::at_once;

use crate::support::{
    ASSIGNED, OPERATION, Play, Stage, assigned, assigning, client, fails, fails_with, names_told, request, says,
    spawn_register, told,
};

const UNKNOWN: &str = r#"{"operationId":"4.op","status":"Contemplating","since":"noon"}"#;

const FAILED: &str = r#"{"operationId":"4.op","status":"failed","registrationState":{
    "errorCode":400209,"errorMessage":"No hub.","lastUpdatedDateTimeUtc":"2023-01-10T21:52:52.1928267Z"}}"#;

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_011
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_011
#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_made_fails_the_registration() {
    for kind in [
        ErrorKind::Local,
        ErrorKind::Connect,
        ErrorKind::Tls,
        ErrorKind::Unauthorized,
    ] {
        let failure = TransportError::new(kind, "no way through").with_source("the cause");
        let (client, transport) = client([fails_with(failure).connecting()]);
        let error = at_once(client.register(request())).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, Phase::Connect));
        assert_eq!(error.to_string(), "no way through");
        assert_eq!(source_of(&error), "the cause");
        assert_eq!(transport.calls(), ["0 s: register"]);
    }
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_012
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_012
#[tokio::test(start_paused = true)]
async fn register_asks_the_transport_for_one_registration_request_with_what_the_caller_gave() {
    let (client, transport) = client([assigned()]);
    at_once(client.register(request())).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register"]);
    assert_eq!(transport.registrations(), [request()]);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_013
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_013
#[tokio::test(start_paused = true)]
async fn a_registration_request_that_fails_fails_the_registration_and_nothing_is_polled() {
    for kind in FAILURES {
        let failure = TransportError::new(kind, "no").in_phase(Phase::Register);
        let (client, transport) = client([fails_with(failure)]);
        let error = at_once(client.register(request())).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, Phase::Register));
        assert_eq!(transport.calls(), ["0 s: register"]);
    }
    let refusal = says(401, r#"{"errorCode":401002,"message":"Invalid certificate."}"#);
    let (client, _) = client([refusal]);
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_eq!(
        error.service().and_then(ServiceError::error_code),
        Some(ErrorCode::InvalidCredential)
    );
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_014
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_014
#[tokio::test(start_paused = true)]
async fn assigned_at_once_is_told_and_returned_with_everything_that_the_service_said() {
    let (client, _) = client([assigned()]);
    let mut events = client.events();
    let assignment = at_once(client.register(request())).await.unwrap();
    assert_eq!(assignment.assigned_hub(), "hub.azure-devices.net");
    assert_eq!(assignment.device_id(), "device-1-there");
    assert_eq!(assignment.operation_id(), Some(OPERATION));
    assert_eq!(Value::from(assignment.state().raw().clone()), said_of_assignment());
    let [StatusEvent::Assigned(told)] = &told(&mut events).await[..] else {
        panic!("the assignment is what has to be told, once");
    };
    assert_eq!(told, &assignment);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_015
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_015
#[tokio::test(start_paused = true)]
async fn assigning_is_told_and_its_operation_is_polled() {
    let (client, transport) = client([assigning(), assigned()]);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", &format!("2 s: query {OPERATION}")]);
    assert_eq!(transport.registrations(), [request(), request()]);
    let [StatusEvent::Assigning { operation_id, .. }, StatusEvent::Assigned(_)] = &told(&mut events).await[..] else {
        panic!("that the service works on it has to be told first");
    };
    assert_eq!(operation_id, OPERATION);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_016
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_016
#[tokio::test(start_paused = true)]
async fn an_unknown_status_fails_the_registration_with_the_body_kept() {
    let (client, _) = client([says(200, UNKNOWN)]);
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_is_unknown_status(&error, Phase::Register);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_028
#[tokio::test(start_paused = true)]
async fn failed_fails_the_registration_with_everything_that_the_service_said() {
    let (client, _) = client([says(200, FAILED)]);
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_is_registration_failed(&error, Phase::Register);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_018
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_018
#[tokio::test(start_paused = true)]
async fn the_operation_is_queried_when_the_wait_is_over_and_not_before() {
    let (client, transport) = client([assigning().retry_after(7), assigned()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", &format!("7 s: query {OPERATION}")]);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_019
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_019
#[tokio::test(start_paused = true)]
async fn a_query_that_fails_fails_the_registration() {
    for kind in FAILURES {
        let (client, transport) = client([assigning().into(), fails(kind)]);
        let error = client.register(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, Phase::Poll));
        assert_eq!(error.operation_id(), Some(OPERATION));
        assert_eq!(transport.calls().len(), 2);
    }
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_020
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_020
#[tokio::test(start_paused = true)]
async fn assigned_in_answer_to_a_query_returns_everything_that_the_service_said() {
    let without_operation = ASSIGNED.replace("operationId", "unknownField");
    let (client, _) = client([assigning(), says(200, &without_operation)]);
    let assignment = client.register(request()).await.unwrap();
    assert_eq!(assignment.assigned_hub(), "hub.azure-devices.net");
    assert_eq!(assignment.device_id(), "device-1-there");
    assert_eq!(assignment.operation_id(), Some(OPERATION));
    assert_eq!(Value::from(assignment.state().raw().clone()), said_of_assignment());
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_021
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_021
#[tokio::test(start_paused = true)]
async fn assigning_in_answer_to_a_query_is_told_and_the_next_wait_begins() {
    let (client, transport) = client([assigning().retry_after(3), assigning().retry_after(4), assigned()]);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let query = |at| format!("{at} s: query {OPERATION}");
    assert_eq!(transport.calls(), ["0 s: register", &query(3), &query(7)]);
    assert_eq!(names_told(&mut events).await, ["assigning", "assigning", "assigned"]);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_029
#[tokio::test(start_paused = true)]
async fn failed_in_answer_to_a_query_fails_the_registration_with_everything_that_the_service_said() {
    let (client, _) = client([assigning(), says(200, FAILED)]);
    let error = client.register(request()).await.unwrap_err();
    assert_is_registration_failed(&error, Phase::Poll);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_022
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_022
#[tokio::test(start_paused = true)]
async fn an_unknown_status_in_answer_to_a_query_fails_the_registration_with_the_body_kept() {
    let (client, transport) = client([assigning(), says(200, UNKNOWN)]);
    let error = client.register(request()).await.unwrap_err();
    assert_is_unknown_status(&error, Phase::Poll);
    assert_eq!(transport.calls().len(), 2);
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_024
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_024
#[tokio::test(start_paused = true)]
async fn a_second_registration_is_an_invalid_operation_and_the_first_goes_on_untouched() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        let error = at_once(held.client.register(request())).await.unwrap_err();
        assert!(
            matches!(error.reason(), FailureReason::InvalidOperation),
            "{stage:?}: {error:?}"
        );
        assert_eq!(held.transport.calls(), [""; 0], "{stage:?}");
        assert!(!held.registration.is_finished(), "{stage:?}");
    }
    let play = Play::from(assigned()).after(20);
    let (client, transport) = client([play]);
    let first = spawn_register(&client);
    tokio::task::yield_now().await;
    at_once(client.register(request())).await.unwrap_err();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(transport.calls(), ["0 s: register"]);
}

/// What a request can fail with, the connection apart.
const FAILURES: [ErrorKind; 8] = [
    ErrorKind::BadRequest,
    ErrorKind::Unauthorized,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Refused,
    ErrorKind::Service,
    ErrorKind::UnexpectedResponse,
    ErrorKind::Lost,
];

fn assert_is_unknown_status(error: &RegisterError, phase: Phase) {
    let FailureReason::UnexpectedStatus { status, source, .. } = error.reason() else {
        panic!("{error:?}");
    };
    assert_eq!(status, "Contemplating");
    assert_eq!((source.status(), source.body()), (200, UNKNOWN.as_bytes()));
    assert_eq!((error.kind(), error.phase()), (ErrorKind::UnexpectedResponse, phase));
}

fn assert_is_registration_failed(error: &RegisterError, phase: Phase) {
    let FailureReason::RegistrationFailed(source) = error.reason() else {
        panic!("{error:?}");
    };
    assert_eq!((source.status(), source.body()), (200, FAILED.as_bytes()));
    assert_eq!(
        (source.error_code(), source.message()),
        (Some(ErrorCode::HubUnauthorized), Some("No hub."))
    );
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Failed, phase));
    assert_eq!(error.operation_id(), Some("4.op"));
}

fn said_of_assignment() -> Value {
    json!({
        "registrationId": "device-1", "assignedHub": "hub.azure-devices.net", "deviceId": "device-1-there",
        "status": "assigned", "substatus": "initialAssignment", "somethingNew": {"a": 1},
    })
}

fn source_of(error: &RegisterError) -> String {
    let source = std::error::Error::source(error);
    source.map(ToString::to_string).unwrap_or_default()
}
