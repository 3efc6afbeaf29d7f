//! What the tests share: a transport that plays a script, answers as a service gives them, and registrations held at a
//! stage.

mod answers;
mod leave;
pub(crate) mod machine;
mod scripted;
mod stages;

use std::{sync::Arc, time::Duration};

use provisioning_client::{
    FailureReason, Policy, RegisterError, RegistrationClient, RegistrationEvent, StatusEvent, StatusEvents,
};
use provisioning_types::{Assignment, ErrorKind, RegistrationRequest};
use serde_json::json;
use test_support::{at_once, request_of};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

pub(crate) use self::{
    answers::{ASSIGNED, OPERATION, Said, assigned, assigning, says, simultaneous, throttled},
    leave::Leave,
    scripted::{Farewell, Play, Script, Scripted, fails, fails_with, hangs},
    stages::{Held, Stage},
};

/// How a registration ends.
pub(crate) type Outcome = Result<Assignment, RegisterError>;

/// A client with the default policy over a transport that plays this.
pub(crate) fn client(script: impl Script) -> (RegistrationClient, Arc<Scripted>) {
    client_with(Policy::default(), script)
}

pub(crate) fn client_with(policy: Policy, script: impl Script) -> (RegistrationClient, Arc<Scripted>) {
    let transport = Arc::new(Scripted::new(script));
    (RegistrationClient::new(transport.clone(), policy), transport)
}

/// A request with everything that a caller can give.
pub(crate) fn request() -> RegistrationRequest {
    request_of("device-1")
        .with_payload(json!({"site": "north"}))
        .with_force_registration(true)
}

/// Registers in a task of its own.
pub(crate) fn spawn_register(client: &RegistrationClient) -> JoinHandle<Outcome> {
    let client = client.clone();
    tokio::spawn(async move { client.register(request()).await })
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets this much time pass, and with it everything that is due.
pub(crate) async fn pass(duration: u64) {
    sleep(seconds(duration)).await;
}

/// The outcome of a task that has to end without any time passing.
pub(crate) async fn ended<T>(task: JoinHandle<T>) -> T {
    at_once(task).await.expect("the task did not panic")
}

pub(crate) fn assert_is_cancelled(outcome: Outcome) {
    let error = outcome.unwrap_err();
    assert!(matches!(error.reason(), FailureReason::OperationCancelled), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// The events so far that were not fetched yet, but for `Ended`.
pub(crate) async fn told(events: &mut StatusEvents) -> Vec<StatusEvent> {
    let mut told = vec![];
    while let Ok(Some(RegistrationEvent { event, .. })) = timeout(Duration::ZERO, events.next()).await {
        if event.name() != "ended" {
            told.push(event);
        }
    }
    told
}

/// The names of these events.
pub(crate) async fn names_told(events: &mut StatusEvents) -> Vec<&'static str> {
    told(events).await.iter().map(StatusEvent::name).collect()
}
