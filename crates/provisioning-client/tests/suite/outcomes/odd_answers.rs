//! Answers that the documents leave open: each ends the registration with its own error, or counts as what it means.

use provisioning_client::{FailureReason, RegisterError};
use provisioning_types::ErrorKind;
use serde_json::{Value, json};

use crate::support::{ASSIGNED, OPERATION, Said, assigned, assigning, client, request, says};

#[tokio::test(start_paused = true)]
async fn a_disabled_enrollment_has_its_own_error() {
    let body = r#"{"status":"DISABLED","operationId":"4.op"}"#;
    for error in ends(says(200, body)).await {
        let FailureReason::Disabled(source) = error.reason() else {
            panic!("{error:?}");
        };
        assert_eq!(source.body(), body.as_bytes());
        assert_eq!(
            (error.kind(), error.operation_id()),
            (ErrorKind::Disabled, Some("4.op"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_assignment_without_a_hub_or_a_device_id_is_unexpected() {
    let state = |field: &str, value: Value| {
        let mut state = json!({"assignedHub": "hub", "deviceId": "device"});
        state[field] = value;
        json!({"status": "assigned", "registrationState": state})
    };
    let mut bodies = vec![json!({"status": "assigned"})];
    for wrong in [Value::Null, json!(""), json!(7), json!([]), json!({})] {
        bodies.push(json!({"status": "assigned", "registrationState": wrong}));
        bodies.push(state("assignedHub", wrong.clone()));
        bodies.push(state("deviceId", wrong));
    }
    for body in bodies {
        let body = body.to_string();
        for error in ends(says(200, &body)).await {
            let FailureReason::UnexpectedResponse { source, .. } = error.reason() else {
                panic!("{error:?}");
            };
            assert_eq!(source.body(), body.as_bytes());
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn work_on_no_operation_is_unexpected() {
    for body in [
        r#"{"status":"assigning"}"#,
        r#"{"status":"assigning","operationId":null}"#,
    ] {
        let (client, transport) = client([says(202, body)]);
        let error = client.register(request()).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer lacks an operation id");
        let service = error.service().unwrap();
        assert_eq!((service.status(), service.body()), (202, body.as_bytes()));
        assert_eq!(transport.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_at_all_is_unexpected_and_shows_what_arrived() {
    for body in ["", "hello", "[]", "{}", "null", r#"{"status":1}"#, "{\"status\":"] {
        for error in ends(says(200, body)).await {
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
            let service = error.service().unwrap();
            assert_eq!((service.status(), service.body()), (200, body.as_bytes()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_bodys_status_decides_whatever_the_answers_and_in_whatever_case() {
    let working = says(200, &format!(r#"{{"operationId":"{OPERATION}","status":"AssigninG"}}"#));
    let done = says(
        202,
        &ASSIGNED.replace(r#""status": "assigned""#, r#""status": "ASSIGNED""#),
    );
    let (client, transport) = client([working.clone(), working, done]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_polls_answer_may_leave_the_operation_out_or_name_another() {
    let silent = says(202, r#"{"status":"assigning"}"#);
    let other = says(202, r#"{"operationId":"4.other","status":"assigning"}"#);
    let (client, transport) = client([assigning(), silent.clone(), other, silent, assigned()]);
    client.register(request()).await.unwrap();
    let known = |at| format!("{at} s: query {OPERATION}");
    let calls = [
        "0 s: register",
        &known(2),
        &known(4),
        "6 s: query 4.other",
        "8 s: query 4.other",
    ];
    assert_eq!(transport.calls(), calls);
}

/// What an answer comes to, to either request. Nothing must be asked after it.
async fn ends(said: Said) -> [RegisterError; 2] {
    let (to_register, transport) = client([said.clone()]);
    let first = to_register.register(request()).await.unwrap_err();
    assert_eq!(transport.calls().len(), 1);
    let (to_query, transport) = client([assigning(), said]);
    let second = to_query.register(request()).await.unwrap_err();
    assert_eq!(transport.calls().len(), 2);
    [first, second]
}
