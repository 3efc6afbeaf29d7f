//! A `cancel` or `disconnect` that its caller polls once and then no more: it stalls nobody.

use std::{future::Future, pin::Pin};

use provisioning_client::{Policy, RegistrationClient};
use provisioning_types::{ErrorKind, TransportError};
use test_support::{at_once, eventually};
use tokio::time::timeout;

use crate::support::{
    Farewell, Held, Leave, Stage, assert_is_cancelled, assigned, client, client_with, ended, hangs, request, seconds,
};

type Closing<'a> = Pin<Box<dyn Future<Output = Result<(), TransportError>> + 'a>>;

/// Closes, but polls that once only.
async fn unpolled(leave: Leave, client: &RegistrationClient) -> Closing<'_> {
    let mut closing: Closing<'_> = Box::pin(async move { leave.by(client).await });
    assert!(timeout(seconds(0), &mut closing).await.is_err(), "it is slow");
    closing
}

async fn slow_to_leave() -> Held {
    let held = Stage::Polling.reached().await;
    held.transport.say_farewell(Farewell::After(2));
    held
}

#[tokio::test(start_paused = true)]
async fn a_registration_begins_as_soon_as_the_transport_has_closed() {
    for leave in Leave::ALL {
        let held = slow_to_leave().await;
        let closing = unpolled(leave, &held.client).await;
        assert_is_cancelled(ended(held.registration).await);
        held.transport.now([assigned()]);
        eventually(held.client.register(request())).await.unwrap();
        assert_eq!(held.transport.calls(), [leave.logged(10), "12 s: register".to_owned()]);
        // It is told what came of it, late as it is.
        at_once(closing).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn other_closes_complete_as_soon_as_the_transport_has_closed() {
    for (first, second) in [
        (Leave::Cancel, Leave::Cancel),
        (Leave::Cancel, Leave::Disconnect),
        (Leave::Disconnect, Leave::Cancel),
        (Leave::Disconnect, Leave::Disconnect),
    ] {
        let held = slow_to_leave().await;
        let closing = unpolled(first, &held.client).await;
        let begun = tokio::time::Instant::now();
        eventually(second.by(&held.client)).await.unwrap();
        let elapsed = begun.elapsed();
        assert!(elapsed <= seconds(4), "{first:?}, then {second:?}: {elapsed:?}");
        eventually(closing).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_never_closes_delays_others_up_to_the_close_timeout() {
    let held = slow_to_leave().await;
    held.transport.say_farewell(Farewell::Never);
    let closing = unpolled(Leave::Cancel, &held.client).await;
    held.transport.now([assigned()]);
    eventually(held.client.register(request())).await.unwrap();
    assert_eq!(held.transport.calls(), ["10 s: cancel", "15 s: register"]);
    assert_eq!(at_once(closing).await.unwrap_err().kind(), ErrorKind::Timeout);
}

/// Neither the registration nor its cancel is polled any more.
#[tokio::test(start_paused = true)]
async fn a_reserved_client_is_free_again() {
    for (farewell, at) in [(Farewell::AtOnce, 1), (Farewell::After(2), 3), (Farewell::Never, 6)] {
        let (client, transport) = client([hangs().connected()]);
        let mut first = Box::pin(client.register_and_disconnect(request()));
        timeout(seconds(1), &mut first).await.unwrap_err();
        transport.say_farewell(farewell);
        let mut cancel = Box::pin(client.cancel());
        let _ = timeout(seconds(0), &mut cancel).await;
        transport.now([assigned()]);
        eventually(client.register(request())).await.unwrap();
        assert_eq!(transport.calls()[2], format!("{at} s: register"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_dropped_delays_no_call_that_waits_for_it() {
    for leave in Leave::ALL {
        let (client, transport) = client_with(Policy::default(), [hangs().connected()]);
        let mut first = Box::pin(client.register(request()));
        timeout(seconds(1), &mut first).await.unwrap_err();
        transport.say_farewell(Farewell::Never);
        let closing = unpolled(leave, &client).await;
        transport.now([assigned()]);
        let mut waiting = Box::pin(client.register(request()));
        timeout(seconds(1), &mut waiting).await.unwrap_err();
        drop(closing);
        at_once(waiting).await.unwrap();
    }
}
