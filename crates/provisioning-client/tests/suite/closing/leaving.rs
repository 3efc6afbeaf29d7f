//! Calls that meet while the transport cancels or disconnects, which takes it two seconds here; or longer than it may.

use std::time::Duration;

use provisioning_client::{FailureReason, Policy};
use provisioning_types::ErrorKind;
use test_support::{at_once, eventually};
use tokio::{
    join,
    task::yield_now,
    time::{Instant, timeout},
};

use crate::support::{
    Farewell, Held, Leave, Play, Stage, assert_is_cancelled, assigned, client_with, ended, pass, request, seconds,
    spawn_register,
};

#[tokio::test(start_paused = true)]
async fn two_cancels_both_return_and_the_transport_hears_one() {
    let held = slow_to_leave().await;
    let first = Leave::Cancel.spawn(&held.client);
    assert_is_cancelled(ended(held.registration).await);
    at_once(held.client.cancel()).await.unwrap();
    eventually(first).await.unwrap().unwrap();
    assert_eq!(held.transport.calls(), ["10 s: cancel"]);
}

#[tokio::test(start_paused = true)]
async fn cancelling_while_disconnecting_returns_at_once() {
    let held = slow_to_leave().await;
    let first = Leave::Disconnect.spawn(&held.client);
    assert_is_cancelled(ended(held.registration).await);
    at_once(held.client.cancel()).await.unwrap();
    eventually(first).await.unwrap().unwrap();
    assert_eq!(held.transport.calls(), ["10 s: disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn disconnecting_while_cancelling_waits_and_then_disconnects() {
    let held = slow_to_leave().await;
    let both = async { join!(held.client.cancel(), held.client.disconnect()) };
    let (cancelled, disconnected) = eventually(both).await;
    assert!(cancelled.is_ok() && disconnected.is_ok());
    assert_eq!(held.transport.calls(), ["10 s: cancel", "12 s: disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn two_disconnects_leave_once() {
    let held = slow_to_leave().await;
    let both = async { join!(held.client.disconnect(), held.client.disconnect()) };
    let (first, second) = eventually(both).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(held.transport.calls(), ["10 s: disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn registering_meanwhile_waits_and_then_runs() {
    for leave in Leave::ALL {
        let held = slow_to_leave().await;
        held.transport.now([assigned()]);
        let both = async { join!(leave.by(&held.client), held.client.register(request())) };
        let (left, registered) = eventually(both).await;
        assert!(left.is_ok() && registered.is_ok());
        assert_eq!(held.transport.calls(), [leave.logged(10), "12 s: register".to_owned()]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_waits_for_it_is_cancelled_like_any_other() {
    for leave in Leave::ALL {
        let held = slow_to_leave().await;
        let first = Leave::Cancel.spawn(&held.client);
        assert_is_cancelled(ended(held.registration).await);
        let waiting = spawn_register(&held.client);
        yield_now().await;
        let second = leave.spawn(&held.client);
        assert_is_cancelled(ended(waiting).await);
        eventually(first).await.unwrap().unwrap();
        eventually(second).await.unwrap().unwrap();
        pass(1000).await;
        let calls = held.transport.calls();
        match leave {
            Leave::Cancel => assert_eq!(calls, ["10 s: cancel"]),
            Leave::Disconnect => assert_eq!(calls, ["10 s: cancel", "12 s: disconnect"]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_it_have_their_turn_in_order() {
    // Several times: without an order, it would be right by chance now and then.
    for _ in 0..20 {
        let held = slow_to_leave().await;
        held.transport.now([Play::from(assigned()).after(1)]);
        let cancelled = Leave::Cancel.spawn(&held.client);
        let disconnected = Leave::Disconnect.spawn(&held.client);
        yield_now().await;
        let (third, fourth) = (spawn_register(&held.client), spawn_register(&held.client));
        eventually(cancelled).await.unwrap().unwrap();
        eventually(disconnected).await.unwrap().unwrap();
        eventually(third).await.unwrap().unwrap();
        let error = eventually(fourth).await.unwrap().unwrap_err();
        assert!(matches!(error.reason(), FailureReason::InvalidOperation), "{error:?}");
        let calls = ["10 s: cancel", "12 s: disconnect", "14 s: register"];
        assert_eq!(held.transport.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_dropped_while_it_waits_never_was() {
    let held = slow_to_leave().await;
    let dropped = timeout(seconds(1), held.client.register(request()));
    let (cancelled, dropped) = join!(held.client.cancel(), dropped);
    cancelled.unwrap();
    dropped.unwrap_err();
    pass(1000).await;
    assert_eq!(held.transport.calls(), ["10 s: cancel"]);
    held.transport.now([assigned()]);
    at_once(held.client.register(request())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_a_cancel_half_way_leaves_the_registration_cancelled_and_the_client_usable() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        held.transport.say_farewell(Farewell::Never);
        let cancelled = timeout(Duration::from_millis(1), held.client.cancel());
        cancelled.await.unwrap_err();
        assert_is_cancelled(ended(held.registration).await);
        held.transport.now([assigned()]);
        at_once(held.client.register(request())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_dropped_half_way_is_made_up_for_by_the_next() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        held.transport.say_farewell(Farewell::Never);
        timeout(seconds(1), held.client.disconnect()).await.unwrap_err();
        assert_is_cancelled(ended(held.registration).await);
        held.transport.say_farewell(Farewell::AtOnce);
        at_once(held.client.disconnect()).await.unwrap();
        assert_eq!(
            held.transport.calls(),
            ["10 s: disconnect", "11 s: disconnect"],
            "{stage:?}"
        );
        held.transport.now([assigned()]);
        at_once(held.client.register(request())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_hangs_is_given_up_after_the_limit() {
    for leave in Leave::ALL {
        for stage in Stage::ALL {
            let held = stage.reached().await;
            held.transport.say_farewell(Farewell::Never);
            let begun = Instant::now();
            let error = leave.by(&held.client).await.unwrap_err();
            assert_eq!(
                (begun.elapsed(), error.kind()),
                (seconds(5), ErrorKind::Timeout),
                "{stage:?}"
            );
            assert_is_cancelled(ended(held.registration).await);
            held.transport.now([assigned()]);
            at_once(held.client.register(request())).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_can_be_set() {
    let policy = Policy::default().with_close_timeout(seconds(1));
    let (client, transport) = client_with(policy, [assigned()]);
    client.register(request()).await.unwrap();
    transport.say_farewell(Farewell::Never);
    let begun = Instant::now();
    client.disconnect().await.unwrap_err();
    assert_eq!(begun.elapsed(), seconds(1));
}

async fn slow_to_leave() -> Held {
    let held = Stage::Polling.reached().await;
    held.transport.say_farewell(Farewell::After(2));
    held
}
