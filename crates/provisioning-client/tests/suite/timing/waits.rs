//! How long a registration waits before it asks again: what the service says, or what the policy says instead.

use std::time::Duration;

use provisioning_client::{Policy, Recovery, StatusEvent};
use provisioning_types::ErrorKind;
use test_support::eventually;

use crate::support::{
    OPERATION, Said, assigned, assigning, client, client_with, fails, request, says, seconds, throttled, told,
};

#[tokio::test(start_paused = true)]
async fn what_the_service_asks_for_is_honoured_as_given_on_register_and_on_query_alike() {
    for wait in [2, 3, 7, 59, 61, 299, 86_400] {
        for answer in [assigning(), throttled(429), throttled(503)] {
            let said = answer.retry_after(wait);
            assert_eq!(waits(vec![said.clone(), said, assigned()]).await, [seconds(wait); 2]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_than_the_floor_is_raised_to_it() {
    let higher = Policy::default().with_wait_floor(seconds(3));
    for (policy, floor, shorter) in [(Policy::default(), 2, 0..2), (higher, 3, 0..3)] {
        for wait in shorter {
            for answer in [assigning(), throttled(429), throttled(503)] {
                let said = answer.retry_after(wait);
                let script = vec![said.clone(), said, assigned()];
                assert_eq!(waits_with(policy.clone(), script).await, [seconds(floor); 2]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_floor_does_not_touch_a_longer_wait() {
    for (floor, wait) in [(3, 4), (0, 1)] {
        let policy = Policy::default().with_wait_floor(seconds(floor));
        let script = vec![assigning().retry_after(wait), assigned()];
        assert_eq!(waits_with(policy, script).await, [seconds(wait)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_wait_below_the_floor_is_raised_to_it_and_doubles_from_there() {
    let short = Policy::default().with_default_wait(Duration::from_millis(500));
    for (policy, first) in [
        (short.clone(), seconds(2)),
        (short.clone().with_backoff_cap(seconds(1)), seconds(2)),
        (
            short.with_wait_floor(Duration::from_millis(10)),
            Duration::from_millis(500),
        ),
    ] {
        let script = vec![assigning(), throttled(429), throttled(429), assigned()];
        let waits = waits_with(policy.clone(), script).await;
        assert_eq!(waits[..2], [first; 2], "{policy:?}");
        let doubled = (first * 2).min(policy.backoff_cap()).max(first);
        let (least, most) = (first.max(doubled * 3 / 4), doubled + Duration::from_millis(1));
        assert!((least..=most).contains(&waits[2]), "{policy:?}: {waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_made_again_before_the_floor() {
    let policy = Policy::default()
        .with_default_wait(Duration::ZERO)
        .with_recovery(Recovery::lost_connections(1));
    let (client, transport) = client_with(policy, [assigning().into(), fails(ErrorKind::Lost), assigned().into()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.gaps(), [seconds(2); 2]);
}

#[tokio::test(start_paused = true)]
async fn an_error_does_not_say_to_come_back_before_the_floor() {
    let policy = Policy::default().with_registration_timeout(seconds(2));
    let (client, _) = client_with(policy, [assigning().retry_after(0)]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(seconds(2)));
}

#[tokio::test(start_paused = true)]
async fn without_a_named_wait_the_default_holds_and_does_not_grow_while_there_is_progress() {
    let script = vec![assigning(), assigning(), assigning(), assigned()];
    assert_eq!(waits(script.clone()).await, [seconds(2); 3]);
    let policy = Policy::default().with_default_wait(seconds(5));
    assert_eq!(waits_with(policy, script).await, [seconds(5); 3]);
}

#[tokio::test(start_paused = true)]
async fn a_named_wait_is_not_remembered_for_the_next_answer() {
    let script = vec![
        assigning().retry_after(9),
        assigning(),
        assigning().retry_after(4),
        assigning(),
        assigned(),
    ];
    assert_eq!(waits(script).await, [9, 2, 4, 2].map(seconds));
    let script = vec![
        throttled(429).retry_after(9),
        throttled(429),
        throttled(503).retry_after(4),
        throttled(503),
    ];
    let script = script.into_iter().chain([assigned()]).collect();
    assert_eq!(waits(script).await, [9, 2, 4, 2].map(seconds));
}

#[tokio::test(start_paused = true)]
async fn unnamed_waits_double_with_jitter_up_to_the_cap_while_the_service_throttles() {
    for first in [vec![], vec![assigning()]] {
        let progress = first.len();
        let throttles = (0..8).map(|nth| throttled(if nth % 2 == 0 { 429 } else { 500 }));
        let script = first.into_iter().chain(throttles).chain([assigned()]).collect();
        let waits = waits(script).await.split_off(progress);
        assert_eq!(waits[0], seconds(2));
        for (wait, full) in waits.iter().zip([2, 4, 8, 16, 32, 60, 60, 60]) {
            let (least, most) = (seconds(full) * 3 / 4, seconds(full) + Duration::from_millis(1));
            assert!((least..=most).contains(wait), "{wait:?} instead of {full} s: {waits:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn devices_that_are_throttled_together_do_not_come_back_together() {
    let script = || vec![throttled(429), throttled(429), throttled(429), assigned()];
    let one = waits(script()).await;
    for _ in 0..20 {
        if waits(script()).await != one {
            return;
        }
    }
    panic!("every device waits {one:?}");
}

#[tokio::test(start_paused = true)]
async fn doubling_begins_anew_after_a_named_wait_and_after_progress() {
    let throttles = || [throttled(429), throttled(429)];
    let named = [throttled(429).retry_after(3)];
    let script = throttles().into_iter().chain(named).chain(throttles());
    let script = script.chain([assigning()]).chain(throttles()).chain([assigned()]);
    let waits = waits(script.collect()).await;
    for nth in [0, 3, 6] {
        assert_eq!(waits[nth], seconds(2), "{waits:?}");
        assert!(waits[nth + 1] >= seconds(3), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn doubling_begins_anew_with_the_next_registration() {
    let (client, transport) = client([throttled(429), throttled(429), assigned()]);
    client.register(request()).await.unwrap();
    transport.forget_calls();
    transport.now([throttled(429), assigned()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.gaps(), [seconds(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_is_sent_again_as_it_was() {
    let script = [
        throttled(429).retry_after(3),
        throttled(500).retry_after(3),
        assigning().retry_after(3),
        throttled(503).retry_after(3),
        assigned(),
    ];
    let (client, transport) = client(script);
    client.register(request()).await.unwrap();
    let query = |at| format!("{at} s: query {OPERATION}");
    let register = ["0 s: register", "3 s: register", "6 s: register"].map(str::to_owned);
    assert_eq!(transport.calls(), [&register[..], &[query(9), query(12)]].concat());
}

#[tokio::test(start_paused = true)]
async fn no_policy_makes_a_registration_panic_or_hang() {
    let endless = Policy::default()
        .with_default_wait(Duration::MAX)
        .with_backoff_cap(Duration::MAX)
        .with_wait_floor(Duration::MAX)
        .with_close_timeout(Duration::MAX)
        .with_operation_timeout(Duration::MAX)
        .with_registration_timeout(Duration::MAX);
    let nothing = Policy::default()
        .with_default_wait(Duration::ZERO)
        .with_backoff_cap(Duration::ZERO)
        .with_wait_floor(Duration::ZERO)
        .with_close_timeout(Duration::ZERO)
        .with_operation_timeout(Duration::ZERO)
        .with_registration_timeout(Duration::ZERO);
    for policy in [endless, nothing] {
        for first in [
            assigned(),
            assigning(),
            assigning().retry_after(0),
            throttled(429),
            throttled(429).retry_after(u64::MAX),
        ] {
            let (client, _) = client_with(policy.clone(), [first, assigned()]);
            // Whatever comes of it.
            let _ = eventually(client.register(request())).await;
            let _ = eventually(client.disconnect()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_service_asks_for_is_in_the_error_whatever_failed() {
    for answer in [says(404, ""), says(409, ""), says(200, r#"{"status":"failed"}"#)] {
        for asked in [None, Some(60)] {
            let answer = asked.map_or(answer.clone(), |asked| answer.clone().retry_after(asked));
            let (client, _) = client([answer]);
            let error = client.register(request()).await.unwrap_err();
            assert_eq!(error.retry_after(), asked.map(seconds), "{error:?}");
        }
    }
}

/// How long a registration waits after each of these answers.
async fn waits(script: Vec<Said>) -> Vec<Duration> {
    waits_with(Policy::default(), script).await
}

/// What is told of a wait has to be what is done.
async fn waits_with(policy: Policy, script: Vec<Said>) -> Vec<Duration> {
    let policy = policy.with_registration_timeout(seconds(1_000_000));
    let (client, transport) = client_with(policy, script);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let waits = transport.gaps();
    let told = told(&mut events).await;
    assert_eq!(told.len(), waits.len() + 1);
    for (event, wait) in told.iter().zip(&waits) {
        let (StatusEvent::Assigning { retry_in, .. } | StatusEvent::Throttled { retry_in, .. }) = event else {
            panic!("{event:?} instead of a wait");
        };
        // Timers count in milliseconds, and are late rather than early.
        let late = wait.checked_sub(*retry_in);
        let on_time = late.is_some_and(|late| late <= Duration::from_millis(1));
        assert!(on_time, "told {retry_in:?}, done {wait:?}");
    }
    waits
}
