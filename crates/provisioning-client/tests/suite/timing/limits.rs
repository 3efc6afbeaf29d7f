//! The limits of one request and of the whole registration, and whose fault it is when they are reached.

use provisioning_client::{FailureReason, Policy, RegisterError};
use provisioning_types::{ErrorKind, Phase};
use test_support::at_once;

use crate::support::{
    Play, Said, assigned, assigning, client, client_with, ended, hangs, pass, request, seconds, spawn_register,
    throttled,
};

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_fails_after_the_operation_limit_at_its_step() {
    for (script, phase, after) in [
        (vec![hangs()], Phase::Connect, 30),
        (vec![hangs().connecting()], Phase::Connect, 30),
        (vec![hangs().connected()], Phase::Register, 30),
        (vec![assigning().into(), hangs()], Phase::Poll, 32),
        (vec![assigning().into(), hangs().connecting()], Phase::Connect, 32),
    ] {
        let (client, transport) = client(script);
        let error = client.register(request()).await.unwrap_err();
        assert_eq!(transport.started().elapsed(), seconds(after), "{error:?}");
        assert_is_timeout(&error, 30);
        assert_eq!(error.phase(), phase);
        assert_eq!(transport.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_operation_limit_counts() {
    let slow = |said: Said| Play::from(said).after(29);
    let (client, _) = client([slow(assigning()), slow(assigning()), slow(assigned())]);
    client.register(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_registration_limit_covers_connecting_requests_and_waits_together() {
    // Nothing takes long by itself: 20 s to connect and answer, 40 s to wait, and so on.
    let script = [
        Play::from(assigning().retry_after(40)).connected().after(20),
        Play::from(assigning().retry_after(200)).after(20),
        hangs(),
    ];
    let (client, transport) = client(script);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(transport.started().elapsed(), seconds(300));
    assert_is_timeout(&error, 300);
    assert_eq!(error.phase(), Phase::Poll);
}

#[tokio::test(start_paused = true)]
async fn each_registration_has_the_whole_limit() {
    let (client, transport) = client([
        assigning().retry_after(299),
        assigned(),
        assigning().retry_after(299),
        assigned(),
    ]);
    client.register(request()).await.unwrap();
    client.register(request()).await.unwrap();
    assert_eq!(transport.started().elapsed(), seconds(598));
}

#[tokio::test(start_paused = true)]
async fn the_limits_can_be_set() {
    let policy = Policy::default()
        .with_operation_timeout(seconds(50))
        .with_registration_timeout(seconds(70));
    let (client, transport) = client_with(policy, [Play::from(assigning()).after(49), hangs()]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(transport.started().elapsed(), seconds(70));
    assert_is_timeout(&error, 70);
}

#[tokio::test(start_paused = true)]
async fn a_wait_up_to_or_past_the_limit_fails_at_once_and_says_when_to_come_back() {
    for wait in [300, 301, 100_000, 1_000_000_000_000, u64::MAX] {
        for (answer, kind) in [
            (throttled(429), ErrorKind::Throttled),
            (throttled(500), ErrorKind::Service),
            (throttled(503), ErrorKind::Service),
            (assigning(), ErrorKind::Timeout),
        ] {
            let (client, transport) = client([answer.retry_after(wait)]);
            let error = at_once(client.register(request())).await.unwrap_err();
            assert_eq!((error.kind(), error.phase()), (kind, Phase::Wait));
            assert_eq!(error.retry_after(), Some(seconds(wait)));
            assert!(error.is_retryable());
            assert!(error.to_string().contains("; retry in "), "{error}");
            assert_eq!(transport.calls(), ["0 s: register"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_limit_fails_a_poll_just_as_well() {
    let (client, transport) = client([assigning().retry_after(200), throttled(429).retry_after(100)]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(transport.started().elapsed(), seconds(200));
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry_after(), Some(seconds(100)));
    assert!(error.operation_id().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_just_before_the_limit_is_waited() {
    let (client, transport) = client([assigning().retry_after(299), assigned()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.started().elapsed(), seconds(299));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_service_did_not_ask_for_is_not_put_in_its_mouth() {
    for answer in [assigning(), throttled(429), throttled(503)] {
        let policy = Policy::default().with_registration_timeout(seconds(2));
        let (client, _) = client_with(policy, [answer]);
        let error = at_once(client.register(request())).await.unwrap_err();
        assert_eq!((error.retry_after(), error.phase()), (None, Phase::Wait));
        assert!(!error.to_string().contains("come back"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_says_whose_fault_it_is_that_the_limit_is_reached() {
    for (last, kind) in [
        (throttled(429), ErrorKind::Throttled),
        (throttled(503), ErrorKind::Service),
        (assigning(), ErrorKind::Timeout),
    ] {
        let script = [
            throttled(429).retry_after(10),
            throttled(503).retry_after(10),
            last.retry_after(275),
        ];
        let (client, transport) = client(script.map(Play::from).into_iter().chain([hangs()]));
        let error = client.register(request()).await.unwrap_err();
        assert_eq!(transport.started().elapsed(), seconds(300));
        assert_eq!((error.kind(), error.retry_after()), (kind, None));
        assert_eq!(error.service().is_some(), kind != ErrorKind::Timeout);
        assert_eq!(transport.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_does_not_excuse_a_request_that_is_never_answered() {
    let (client, transport) = client([Play::from(throttled(429).retry_after(3)), hangs()]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(transport.started().elapsed(), seconds(33));
    assert_is_timeout(&error, 30);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_the_wait_at_once() {
    for answer in [assigning(), throttled(429)] {
        let (client, transport) = client([answer.retry_after(100)]);
        let registration = spawn_register(&client);
        pass(10).await;
        transport.lose_connection();
        let error = ended(registration).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Phase::Wait));
        assert_eq!(transport.calls(), ["0 s: register"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_took_too_long_is_told_from_a_registration_that_did() {
    let (client, _) = client_with(Policy::default(), [hangs()]);
    let error = client.register(request()).await.unwrap_err();
    assert!(
        matches!(error.reason(), FailureReason::RequestTimedOut { .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "no response within 30 s, the limit of one request");
    let (client, _) = client_with(Policy::default().with_registration_timeout(seconds(20)), [hangs()]);
    let error = client.register(request()).await.unwrap_err();
    assert!(
        matches!(error.reason(), FailureReason::RegistrationTimedOut { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "no assignment within 20 s, the limit of the whole registration"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_while_nobody_looked_ends_the_wait_at_once() {
    let (client, transport) = client([assigning().retry_after(100)]);
    transport.lose_connection();
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Phase::Wait));
}

fn assert_is_timeout(error: &RegisterError, after: u64) {
    let timeout = match error.reason() {
        FailureReason::RequestTimedOut { timeout, .. } => *timeout,
        FailureReason::RegistrationTimedOut {
            timeout,
            retry_after: None,
            ..
        } => *timeout,
        other => panic!("{other:?}"),
    };
    assert_eq!(timeout, seconds(after));
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
