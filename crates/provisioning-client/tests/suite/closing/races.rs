//! Calls that really run at the same time, on threads. No time is measured: in every order each call has to return.

use std::{iter, time::Duration};

use provisioning_client::{FailureReason, Policy, RegistrationClient};
use tokio::{join, spawn, task::yield_now, time::timeout};

use crate::support::{assigned, assigning, client_with, request, seconds, spawn_register};

const ROUNDS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_race_all_return_and_leave_the_client_usable() {
    let policy = Policy::default()
        .with_default_wait(Duration::ZERO)
        .with_wait_floor(Duration::ZERO);
    let (client, transport) = client_with(policy, iter::repeat_with(assigning));
    for _ in 0..ROUNDS {
        let race = timeout(seconds(60), race(&client));
        let reasons = race.await.expect("a call never returned");
        assert_ne!(
            reasons,
            [Reason::InvalidOperation; 2],
            "each was rejected for the other"
        );
        // Nobody registers any more, so nobody asks.
        transport.forget_calls();
        yield_now().await;
        assert_eq!(transport.calls(), [""; 0]);
    }
    transport.now([assigned()]);
    client.register(request()).await.unwrap();
}

/// Two registrations, a cancel and a disconnect at the same time; and further cancels for a registration that came
/// last.
async fn race(client: &RegistrationClient) -> [Reason; 2] {
    let (first, second) = (spawn_register(client), spawn_register(client));
    let (cancelling, disconnecting) = (client.clone(), client.clone());
    let cancelled = spawn(async move { cancelling.cancel().await });
    let disconnected = spawn(async move { disconnecting.disconnect().await });
    while !(first.is_finished() && second.is_finished()) {
        client.cancel().await.unwrap();
        yield_now().await;
    }
    let (first, second, cancelled, disconnected) = join!(first, second, cancelled, disconnected);
    cancelled.unwrap().unwrap();
    disconnected.unwrap().unwrap();
    [first, second].map(|outcome| match outcome.unwrap().unwrap_err().reason() {
        FailureReason::InvalidOperation => Reason::InvalidOperation,
        FailureReason::OperationCancelled => Reason::OperationCancelled,
        other => panic!("{other:?} is no outcome of this race"),
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Reason {
    InvalidOperation,
    OperationCancelled,
}
