//! A registration ended before its time, by a call, by dropping it or by a failure; and the client afterwards.

use std::iter;

use provisioning_client::FailureReason;
use provisioning_types::{ErrorKind, Phase};
use test_support::{at_once, eventually};
use tokio::task::yield_now;

use crate::support::{
    Farewell, Leave, OPERATION, Play, Said, Stage, assert_is_cancelled, assigned, assigning, client, ended, fails,
    hangs, names_told, pass, request, says, seconds, spawn_register, throttled,
};

/// Long enough for every timer that could still be running.
const AGES: u64 = 10_000;

#[tokio::test(start_paused = true)]
async fn leaving_ends_the_registration_at_once_wherever_it_stands_and_nothing_follows() {
    for leave in Leave::ALL {
        for stage in Stage::ALL {
            let mut held = stage.reached().await;
            at_once(leave.by(&held.client)).await.unwrap();
            assert_is_cancelled(ended(held.registration).await);
            pass(AGES).await;
            assert_eq!(held.transport.calls(), [leave.logged(10)], "{stage:?}");
            assert_eq!(held.transport.in_flight(), 0, "{stage:?}");
            assert_eq!(names_told(&mut held.events).await, [""; 0], "{stage:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_registration_ends_at_once_even_if_the_transport_takes_its_time() {
    for leave in Leave::ALL {
        for stage in Stage::ALL {
            let held = stage.reached().await;
            held.transport.say_farewell(Farewell::Never);
            let leaving = leave.spawn(&held.client);
            assert_is_cancelled(ended(held.registration).await);
            assert!(!leaving.is_finished(), "{stage:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_registration_says_at_which_step_and_of_which_operation_it_was() {
    for (stage, phase, operation_id) in [
        (Stage::Connecting, Phase::Connect, None),
        (Stage::Registering, Phase::Register, None),
        (Stage::WaitingToRegister, Phase::Wait, None),
        (Stage::WaitingToPoll, Phase::Wait, Some(OPERATION)),
        (Stage::Polling, Phase::Poll, Some(OPERATION)),
        (Stage::Recovering, Phase::Connect, Some(OPERATION)),
        (Stage::Reconnecting, Phase::Connect, Some(OPERATION)),
    ] {
        let held = stage.reached().await;
        held.client.cancel().await.unwrap();
        let error = ended(held.registration).await.unwrap_err();
        let said = (error.phase(), error.operation_id());
        assert_eq!(said, (phase, operation_id), "{stage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_registration_cancels_it_wherever_it_stands_and_the_client_registers_again() {
    for stage in Stage::ALL {
        let mut held = stage.reached().await;
        held.registration.abort();
        held.registration.await.unwrap_err();
        assert_eq!(held.transport.in_flight(), 0, "{stage:?}");
        pass(AGES).await;
        assert_eq!(held.transport.calls(), [""; 0], "{stage:?}");
        assert_eq!(names_told(&mut held.events).await, [""; 0], "{stage:?}");
        held.transport.now([assigned()]);
        at_once(held.client.register(request())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_dropped_before_they_are_polled_never_were() {
    let held = Stage::WaitingToPoll.reached().await;
    drop(held.client.cancel());
    drop(held.client.disconnect());
    drop(held.client.register(request()));
    yield_now().await;
    assert!(!held.registration.is_finished());
    assert_eq!(held.transport.calls(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_registers_again_whatever_the_outcome() {
    let answers = [
        assigned(),
        says(200, r#"{"status":"failed"}"#),
        says(200, r#"{"status":"disabled"}"#),
        says(200, r#"{"status":"unassigned"}"#),
        says(200, r#"{"status":"assigned"}"#),
        says(202, r#"{"status":"assigning"}"#),
        says(200, "\u{1f980}"),
        says(300, "no"),
        says(400, "no"),
        says(401, "no"),
        says(404, "no"),
        says(409, "no"),
        throttled(429).retry_after(1000),
        throttled(503).retry_after(1000),
        assigning().retry_after(1000),
    ];
    let failures = [
        ErrorKind::Local,
        ErrorKind::Connect,
        ErrorKind::Tls,
        ErrorKind::Lost,
        ErrorKind::Cancelled,
        ErrorKind::Service,
        ErrorKind::Input,
    ];
    let silences = [hangs(), hangs().connecting(), hangs().connected()];
    let endings = answers.map(Play::from).into_iter();
    let endings = endings.chain(failures.map(fails)).chain(silences);
    for ending in endings {
        for begun in [vec![], vec![assigning().into()]] {
            let (client, transport) = client([begun, vec![ending.clone(), assigned().into()]].concat());
            // What the first comes to is of no interest here.
            let _ = eventually(client.register(request())).await;
            for _ in 0..2 {
                transport.now([assigned()]);
                let again = at_once(client.register(request())).await;
                assert!(again.is_ok(), "{again:?} after {ending:?}");
            }
            client.cancel().await.unwrap();
            client.disconnect().await.unwrap();
            transport.now([assigned()]);
            at_once(client.register(request())).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_leaves_the_client_usable() {
    let (client, transport) = client(iter::empty::<Play>());
    assert!(spawn_register(&client).await.unwrap_err().is_panic());
    transport.now([assigned()]);
    at_once(client.register(request())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn timers_of_a_registration_that_is_over_do_not_touch_the_next() {
    // When the first ends, it has 10 s left for its request, and 280 s for everything.
    let (client, transport) = client([hangs()]);
    let first = spawn_register(&client);
    pass(20).await;
    client.cancel().await.unwrap();
    assert_is_cancelled(ended(first).await);
    let slow = |said: Said| Play::from(said).after(25);
    transport.now([slow(assigning().retry_after(245)), slow(assigned())]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.started().elapsed(), seconds(20 + 25 + 245 + 25));
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_late_of_a_registration_that_is_over_is_not_heard() {
    let (client, transport) = client([hangs().reporting_when_dropped()]);
    let mut events = client.events();
    let first = spawn_register(&client);
    pass(1).await;
    let cancelling = Leave::Cancel.spawn(&client);
    yield_now().await;
    transport.now([hangs()]);
    let second = spawn_register(&client);
    assert_is_cancelled(ended(first).await);
    ended(cancelling).await.unwrap();
    yield_now().await;
    assert_eq!(names_told(&mut events).await, [""; 0]);
    client.cancel().await.unwrap();
    let error = ended(second).await.unwrap_err();
    assert_eq!(error.phase(), Phase::Connect);
    assert!(matches!(error.reason(), FailureReason::OperationCancelled), "{error:?}");
}
