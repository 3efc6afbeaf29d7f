//! A registration that disconnects by itself: until it has, or was cancelled, another one is refused.

use provisioning_client::{FailureReason, RegistrationClient};
use provisioning_types::ErrorKind;
use test_support::{at_once, eventually};
use tokio::{
    spawn,
    task::{JoinHandle, yield_now},
    time::timeout,
};

use crate::support::{
    Farewell, Outcome, Play, assert_is_cancelled, assigned, assigning, client, ended, fails, hangs, names_told, pass,
    request, seconds, spawn_register,
};

#[tokio::test(start_paused = true)]
async fn it_disconnects_after_every_outcome() {
    for (play, succeeds) in [
        (Play::from(assigned()).connected(), true),
        (fails(ErrorKind::Unauthorized).connected(), false),
    ] {
        let (client, transport) = client([play]);
        let outcome = at_once(client.register_and_disconnect(request())).await;
        assert_eq!(outcome.is_ok(), succeeds);
        assert_eq!(transport.calls(), ["0 s: register", "0 s: disconnect"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_disconnect_is_emitted_and_the_outcome_stands() {
    let (client, transport) = client([assigned()]);
    let mut events = client.events();
    transport.say_farewell(Farewell::Fails);
    at_once(client.register_and_disconnect(request())).await.unwrap();
    assert_eq!(names_told(&mut events).await, ["assigned", "disconnect-failed"]);
}

#[tokio::test(start_paused = true)]
async fn another_registration_is_refused_while_it_disconnects() {
    let (client, transport) = client([assigned()]);
    transport.say_farewell(Farewell::After(2));
    let first = spawn_reserved(&client);
    pass(1).await;
    for outcome in [
        at_once(client.register_and_disconnect(request())).await,
        at_once(client.register(request())).await,
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(error.reason(), FailureReason::InvalidOperation), "{error:?}");
    }
    eventually(first).await.unwrap().unwrap();
    transport.now([assigned()]);
    eventually(client.register_and_disconnect(request())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn once_a_cancel_has_returned_another_registration_runs() {
    let (client, transport) = client([hangs().connected()]);
    let first = spawn_reserved(&client);
    pass(1).await;
    at_once(client.cancel()).await.unwrap();
    transport.now([assigned()]);
    at_once(client.register_and_disconnect(request())).await.unwrap();
    assert_is_cancelled(ended(first).await);
}

#[tokio::test(start_paused = true)]
async fn once_a_cancel_has_returned_another_registration_waits_for_a_slow_disconnect_and_runs() {
    let (client, transport) = client([hangs().connected()]);
    let first = spawn_reserved(&client);
    pass(1).await;
    at_once(client.cancel()).await.unwrap();
    // The first registration disconnects, which takes its time.
    transport.say_farewell(Farewell::After(3));
    yield_now().await;
    transport.now([assigned()]);
    eventually(client.register_and_disconnect(request())).await.unwrap();
    assert_is_cancelled(ended(first).await);
    let calls = [
        "0 s: register",
        "1 s: cancel",
        "1 s: disconnect",
        "4 s: register",
        "4 s: disconnect",
    ];
    assert_eq!(transport.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn it_leaves_the_connection_of_a_later_registration_alone() {
    let (client, transport) = client([hangs().connected()]);
    // Its future is polled once, and then not until the second registration is in progress.
    let mut first = Box::pin(client.register_and_disconnect(request()));
    timeout(seconds(1), &mut first).await.unwrap_err();
    at_once(client.cancel()).await.unwrap();
    transport.now([Play::from(assigned()).after(5)]);
    let second = spawn_reserved(&client);
    yield_now().await;
    assert_is_cancelled(at_once(first).await);
    eventually(second).await.unwrap().unwrap();
    let calls = ["0 s: register", "1 s: cancel", "1 s: register", "6 s: disconnect"];
    assert_eq!(transport.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_closes_the_connection_at_every_stage() {
    let (client, transport) = client([assigning().retry_after(100)]);
    for (farewell, plays) in [
        (Farewell::AtOnce, hangs().connected()),
        (Farewell::AtOnce, assigning().retry_after(100).into()),
        // While it disconnects.
        (Farewell::Never, assigned().into()),
    ] {
        transport.now([plays]);
        transport.say_farewell(farewell);
        transport.forget_calls();
        let dropped = timeout(seconds(1), client.register_and_disconnect(request()));
        dropped.await.unwrap_err();
        assert!(
            transport.calls().last().unwrap().ends_with("abort"),
            "{:?}",
            transport.calls()
        );
        transport.say_farewell(Farewell::AtOnce);
        transport.now([assigned()]);
        at_once(client.register_and_disconnect(request())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_it_after_a_cancel_closes_the_connection_unless_another_registration_uses_it() {
    let (client, transport) = client([hangs().connected()]);
    let mut first = Box::pin(client.register_and_disconnect(request()));
    timeout(seconds(1), &mut first).await.unwrap_err();
    at_once(client.cancel()).await.unwrap();
    drop(first);
    assert_eq!(transport.calls(), ["0 s: register", "1 s: cancel", "1 s: abort"]);

    transport.now([hangs().connected()]);
    transport.forget_calls();
    let mut first = Box::pin(client.register_and_disconnect(request()));
    timeout(seconds(1), &mut first).await.unwrap_err();
    at_once(client.cancel()).await.unwrap();
    transport.now([Play::from(assigned()).after(5)]);
    let second = spawn_reserved(&client);
    yield_now().await;
    drop(first);
    eventually(second).await.unwrap().unwrap();
    let calls = ["1 s: register", "2 s: cancel", "2 s: register", "7 s: disconnect"];
    assert_eq!(transport.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_polled_delays_no_other_call_past_its_timeout() {
    let (client, transport) = client([hangs().connected()]);
    let first = spawn_register(&client);
    pass(1).await;
    transport.say_farewell(Farewell::Never);
    let mut disconnect = Box::pin(client.disconnect());
    timeout(seconds(1), &mut disconnect).await.unwrap_err();
    assert_is_cancelled(ended(first).await);
    transport.now([assigned()]);
    // Five seconds after the disconnect began, of which one has passed.
    eventually(client.register(request())).await.unwrap();
    assert_eq!(transport.calls().last().unwrap(), "6 s: register");
    let error = at_once(disconnect).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_not_polled_delays_no_other_call() {
    let (client, transport) = client([hangs().connected()]);
    let first = spawn_register(&client);
    pass(1).await;
    transport.say_farewell(Farewell::After(2));
    let disconnecting = {
        let client = client.clone();
        spawn(async move { client.disconnect().await })
    };
    assert_is_cancelled(ended(first).await);
    let mut unpolled = Box::pin(client.register(request()));
    timeout(seconds(1), &mut unpolled).await.unwrap_err();
    transport.now([assigned()]);
    eventually(client.register(request())).await.unwrap();
    eventually(disconnecting).await.unwrap().unwrap();
    assert_eq!(transport.calls().last().unwrap(), "3 s: register");
}

fn spawn_reserved(client: &RegistrationClient) -> JoinHandle<Outcome> {
    let client = client.clone();
    spawn(async move { client.register_and_disconnect(request()).await })
}
