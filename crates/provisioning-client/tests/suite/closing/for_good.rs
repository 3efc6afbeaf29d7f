//! Closing a client for good.

use provisioning_client::FailureReason;
use test_support::{at_once, eventually};

use crate::support::{Stage, assert_is_cancelled, client, ended, hangs, pass, request, spawn_register};

#[tokio::test(start_paused = true)]
async fn it_cancels_the_registration_and_disconnects() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        at_once(held.client.close()).await.unwrap();
        assert_is_cancelled(ended(held.registration).await);
        assert_eq!(held.transport.calls(), ["10 s: disconnect"], "{stage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_later_registration_of_every_clone_is_cancelled_at_once_so_that_a_retry_loop_ends() {
    let (client, transport) = client([hangs()]);
    let retrying = client.clone();
    let retrying = tokio::spawn(async move {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = retrying.register_and_disconnect(request()).await.unwrap_err();
            if matches!(error.reason(), FailureReason::OperationCancelled) {
                return attempts;
            }
        }
    });
    pass(1).await;
    client.close().await.unwrap();
    assert_eq!(ended(retrying).await, 1);
    for _ in 0..2 {
        assert_is_cancelled(at_once(client.register(request())).await);
        assert_is_cancelled(at_once(client.clone().register_and_disconnect(request())).await);
        at_once(client.close()).await.unwrap();
    }
    assert_eq!(transport.calls()[..2], ["0 s: register", "1 s: disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_waits_to_begin_is_cancelled_too() {
    let held = Stage::Polling.reached().await;
    held.transport.say_farewell(crate::support::Farewell::After(2));
    let closing = held.client.clone();
    let closing = tokio::spawn(async move { closing.disconnect().await });
    assert_is_cancelled(ended(held.registration).await);
    let waiting = spawn_register(&held.client);
    tokio::task::yield_now().await;
    let closed = held.client.clone();
    let closed = tokio::spawn(async move { closed.close().await });
    assert_is_cancelled(ended(waiting).await);
    eventually(closing).await.unwrap().unwrap();
    eventually(closed).await.unwrap().unwrap();
}
