//! Whether to retry is a property of the error: what a transport marks, and what the service's codes say.

use provisioning_client::{Policy, Recovery, RegisterError};
use provisioning_types::{ErrorKind, Phase, TransportError};

use crate::support::{Play, assigned, assigning, client, client_with, fails_with, request, says};

async fn failed_with(code: u64) -> RegisterError {
    let body = format!(r#"{{"status":"failed","registrationState":{{"errorCode":{code},"errorMessage":"Why."}}}}"#);
    let (client, _) = client([says(200, &body)]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    error
}

#[tokio::test(start_paused = true)]
async fn a_failed_registration_with_a_transient_code_says_so_and_is_retryable() {
    for code in [429_000, 429_001, 500_000, 500_001, 503_000] {
        let error = failed_with(code).await;
        assert!(error.is_retryable(), "{error:?}");
        let expected = "the service ended the registration as failed, for a reason that may pass";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().starts_with("register again later"), "{error:?}");
        assert_eq!(serde_json::to_value(&error).unwrap()["retryable"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn another_failed_registration_is_not_retryable_and_its_code_has_a_hint() {
    for (code, word) in [
        (400_207, "webhook"),
        (400_208, "link a hub"),
        (400_209, "refuses the provisioning service"),
        (401_001, "does not exist"),
        (400_000, "the enrollment's allocation"),
    ] {
        let error = failed_with(code).await;
        assert!(!error.is_retryable(), "{error:?}");
        assert_eq!(error.to_string(), "the service ended the registration as failed");
        assert!(error.hint().contains(word), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_that_the_transport_marks_as_final_is_not_recovered_from() {
    let policy = || Policy::default().with_recovery(Recovery::lost_connections(5));
    let lost = || TransportError::new(ErrorKind::Lost, "gone for good");
    let script = [Play::from(assigning()), fails_with(lost().with_retryable(false))];
    let (client, transport) = client_with(policy(), script);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Lost, false));
    assert_eq!(transport.calls().len(), 2);
    let script = [
        Play::from(assigning()),
        fails_with(lost()),
        fails_with(TransportError::new(ErrorKind::Tls, "not yet").with_retryable(true)).connecting(),
        Play::from(assigned()).connected(),
    ];
    let (client, _) = client_with(policy(), script);
    client.register(request()).await.unwrap();
}

/// CONNACK 3, or a WebSocket's 503.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_available_for_a_connection_is_recovered_from() {
    let not_available = || TransportError::new(ErrorKind::Service, "not available").in_phase(Phase::Connect);
    let script = || {
        [
            fails_with(not_available()).connecting(),
            Play::from(assigned()).connected(),
        ]
    };
    let (client, _) = client(script());
    assert_eq!(client.register(request()).await.unwrap_err().kind(), ErrorKind::Service);
    let policy = Policy::default().with_recovery(Recovery::lost_connections(1));
    let (client, transport) = client_with(policy, script());
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", "2 s: register"]);
}
