//! 409203: the device is registering twice at the same time. The machine sends the same request again, a bounded number
//! of times.

use std::{iter, time::Duration};

use provisioning_client::{FailureReason, Policy, Recovery, RegisterError, StatusEvent};
use provisioning_types::{ErrorCode, ErrorKind, Phase, ServiceError, TransportError};
use test_support::at_once;

use crate::support::{
    Leave, OPERATION, Play, Scripted, assert_is_cancelled, assigned, assigning, client, client_with, ended, fails_with,
    hangs, names_told, pass, request, says, seconds, simultaneous, spawn_register, throttled, told,
};

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_013
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_013
#[tokio::test(start_paused = true)]
async fn a_registration_request_answered_409203_is_sent_again() {
    let (client, transport) = client([simultaneous(), simultaneous(), assigned()]);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    assert_eq!(requests(&transport), ["register"; 3]);
    assert!(transport.gaps().iter().all(is_between_two_and_three_seconds));
    let [
        StatusEvent::SimultaneousRegistration {
            attempt: 1, retry_in, ..
        },
        second @ StatusEvent::SimultaneousRegistration { attempt: 2, .. },
        StatusEvent::Assigned(_),
    ] = &told(&mut events).await[..]
    else {
        panic!("each retry is an event");
    };
    assert!(is_between_two_and_three_seconds(retry_in));
    let expected = "this registration id is registering twice at the same time, retry 2 in ";
    assert!(second.to_string().starts_with(expected), "{second}");
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_019
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_019
#[tokio::test(start_paused = true)]
async fn a_query_answered_409203_is_sent_again_and_no_second_registration_request() {
    let (client, transport) = client([assigning(), simultaneous(), simultaneous(), assigned()]);
    client.register(request()).await.unwrap();
    assert_eq!(requests(&transport), ["register", "query", "query", "query"]);
    assert!(transport.gaps()[1..].iter().all(is_between_two_and_three_seconds));
}

#[tokio::test(start_paused = true)]
async fn after_ten_times_it_is_a_conflict_with_everything_that_the_service_said() {
    let (client, transport) = client(iter::repeat_with(simultaneous));
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(requests(&transport), ["register"; 11]);
    let gaps = transport.gaps();
    assert!(gaps.iter().all(is_between_two_and_three_seconds), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "every device waits {gaps:?}");
    assert_is_conflict(&error, Phase::Register, None);
    assert_eq!(
        error.to_string(),
        "this registration id is registering twice at the same time"
    );

    transport.now([assigning()].into_iter().chain(iter::repeat_with(simultaneous)));
    let error = client.register(request()).await.unwrap_err();
    assert_is_conflict(&error, Phase::Poll, None);
    assert_eq!(error.operation_id(), Some(OPERATION));
}

#[tokio::test(start_paused = true)]
async fn ten_times_are_for_the_whole_registration_whatever_comes_between() {
    let between = || {
        [
            simultaneous(),
            throttled(429),
            simultaneous(),
            assigning(),
            throttled(503),
            assigning(),
        ]
    };
    let ten = || {
        iter::repeat_n(simultaneous(), 7)
            .chain(between())
            .chain([simultaneous()])
    };
    for (last, is_assigned) in [(assigned(), true), (simultaneous(), false)] {
        let script = || ten().chain([last.clone()]);
        let (client, transport) = client(script());
        for _ in 0..2 {
            assert_eq!(client.register(request()).await.is_ok(), is_assigned);
            // The next registration has ten of its own.
            transport.now(script());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_earlier_than_the_service_said_or_the_floor() {
    for (asked, least) in [(0, 2), (1, 2), (7, 7), (60, 60)] {
        let again = simultaneous().retry_after(asked);
        let (client, transport) = client([again.clone(), assigning(), again, assigned()]);
        client.register(request()).await.unwrap();
        let gaps = transport.gaps();
        for gap in [gaps[0], gaps[2]] {
            assert!(
                (seconds(least)..=seconds(least + 1)).contains(&gap),
                "{asked} s: {gaps:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_up_to_or_past_the_limit_fails_at_once_as_a_conflict() {
    for wait in [300, 301, u64::MAX] {
        let (client, transport) = client([simultaneous().retry_after(wait)]);
        let error = at_once(client.register(request())).await.unwrap_err();
        assert_is_conflict(&error, Phase::Wait, Some(seconds(wait)));
        assert!(error.to_string().contains("; retry in "), "{error}");
        assert_eq!(transport.calls(), ["0 s: register"]);
    }
    let policy = Policy::default().with_registration_timeout(seconds(2));
    let (client, _) = client_with(policy, [simultaneous()]);
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_is_conflict(&error, Phase::Wait, None);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_registration_is_a_conflict_and_that_of_the_request_a_timeout() {
    for (limit, kind, after) in [(20, ErrorKind::Conflict, 20..21), (300, ErrorKind::Timeout, 32..34)] {
        let policy = Policy::default().with_registration_timeout(seconds(limit));
        let (client, transport) = client_with(policy, [simultaneous().into(), hangs()]);
        let error = client.register(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (kind, Phase::Register));
        assert!(after.contains(&transport.started().elapsed().as_secs()), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_conflict_ends_the_registration_at_once() {
    for (status, body, kind) in [
        (409, "", ErrorKind::Conflict),
        (
            409,
            r#"{"errorCode":409000,"message":"Precondition failed."}"#,
            ErrorKind::Conflict,
        ),
        (412, "", ErrorKind::Conflict),
        (
            412,
            r#"{"errorCode":409203,"message":"Precondition failed."}"#,
            ErrorKind::Conflict,
        ),
        (400, r#"{"errorCode":409203}"#, ErrorKind::BadRequest),
    ] {
        for script in [vec![says(status, body)], vec![assigning(), says(status, body)]] {
            let requests_sent = script.len();
            let (client, transport) = client(script);
            let error = client.register(request()).await.unwrap_err();
            assert!(matches!(error.reason(), FailureReason::Transport(_)), "{error:?}");
            assert_eq!(error.kind(), kind);
            assert_eq!(transport.calls().len(), requests_sent);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_simultaneous_registration_that_the_transport_marks_as_final_ends_the_registration_at_once() {
    let body = br#"{"errorCode":409203}"#;
    let error = TransportError::refused_by_service(ServiceError::from_body(409, body)).with_retryable(false);
    let (client, transport) = client([fails_with(error)]);
    let error = at_once(client.register(request())).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, false));
    assert_eq!(transport.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_policy_says_how_often() {
    for (retries, sent) in [(0, 1), (1, 2), (20, 21)] {
        let policy = Policy::default().with_simultaneous_retries(retries);
        let (client, transport) = client_with(policy, iter::repeat_with(simultaneous));
        let error = client.register(request()).await.unwrap_err();
        assert_is_conflict(&error, Phase::Register, None);
        assert_eq!(transport.calls().len(), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_meanwhile_is_recovered_from_only_when_allowed_and_not_too_early() {
    for (recoveries, is_assigned) in [(0, false), (1, true)] {
        let policy = Policy::default().with_recovery(Recovery::lost_connections(recoveries));
        let again = simultaneous().retry_after(50);
        let (client, transport) = client_with(policy, [Play::from(again), Play::from(assigned()).connected()]);
        let registration = spawn_register(&client);
        pass(10).await;
        transport.lose_connection();
        let outcome = registration.await.unwrap();
        assert_eq!(outcome.is_ok(), is_assigned);
        match outcome {
            Ok(_) => assert!(transport.gaps()[0] >= seconds(50)),
            Err(error) => assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Phase::Wait)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_does_not_end_a_simultaneous_registration() {
    let policy = Policy::default().with_recovery(Recovery::lost_connections(5));
    let lost = fails_with(TransportError::new(ErrorKind::Lost, "gone"));
    let again = iter::repeat_with(|| Play::from(simultaneous()).connected());
    let (client, transport) = client_with(policy, [lost].into_iter().chain(again));
    let mut events = client.events();
    let error = client.register(request()).await.unwrap_err();
    assert_is_conflict(&error, Phase::Register, None);
    assert_eq!(transport.calls().len(), 12);
    let names = names_told(&mut events).await;
    assert_eq!(
        names.iter().filter(|&&name| name == "recovering").count(),
        1,
        "{names:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn leaving_ends_the_wait_at_once_and_nothing_is_sent_afterwards() {
    for leave in Leave::ALL {
        let (client, transport) = client([Play::from(simultaneous().retry_after(50)).connected()]);
        let registration = spawn_register(&client);
        pass(10).await;
        leave.by(&client).await.unwrap();
        assert_is_cancelled(ended(registration).await);
        pass(100).await;
        assert_eq!(transport.calls(), ["0 s: register".to_owned(), leave.logged(10)]);
    }
}

fn requests(transport: &Scripted) -> Vec<String> {
    let calls = transport.calls();
    let request = |call: &String| call.split(' ').nth(2).unwrap().to_owned();
    calls.iter().map(request).collect()
}

fn is_between_two_and_three_seconds(wait: &Duration) -> bool {
    // Timers count in milliseconds.
    (seconds(2)..=Duration::from_millis(3001)).contains(wait)
}

fn assert_is_conflict(error: &RegisterError, phase: Phase, retry_after: Option<Duration>) {
    assert!(
        matches!(error.reason(), FailureReason::SimultaneousRegistration { .. }),
        "{error:?}"
    );
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Conflict, phase));
    assert_eq!((error.retry_after(), error.is_retryable()), (retry_after, true));
    let service = error.service().expect("what the service said");
    assert_eq!((service.status(), service.tracking_id()), (409, Some("8ad0")));
    assert_eq!(service.timestamp(), Some("2026-04-10T05:24:22Z"));
    assert_eq!(Some(error.hint()), ErrorCode::SimultaneousRegistration.hint());
    for word in [
        "twice at the same time",
        "another process or another device",
        "earlier connection",
    ] {
        assert!(error.hint().contains(word), "{word}: {}", error.hint());
    }
}
