//! A device that stays at its hub: when it asks the service again, and how it ends.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use provisioning_client::{
    FailureReason, HubResult, Provisioned, RegisterError, RegistrationClient, ReprovisioningPolicy,
};
use provisioning_types::{ErrorKind, StoredAssignment};
use test_support::{at_once, eventually};
use tokio::{task::JoinHandle, time::Instant};

use crate::support::{Scripted, assigned, client, ended, fails, hangs, pass, request};

/// Where the connections to the hub lead to: what each comes to in turn, and what it was given.
#[derive(Default)]
struct Hub {
    results: VecDeque<HubResult>,
    /// The whole seconds since the start, and whether the assignment was new.
    visits: Vec<(u64, bool)>,
}

type Staying = JoinHandle<Result<(), RegisterError>>;

/// Keeps a device at a hub with these results; after the last of them, it stays connected.
fn stay(
    client: &RegistrationClient,
    stored: Option<StoredAssignment>,
    results: impl IntoIterator<Item = HubResult>,
) -> (Staying, Arc<Mutex<Hub>>) {
    let hub = Arc::new(Mutex::new(Hub {
        results: results.into_iter().collect(),
        visits: vec![],
    }));
    let (client, visited, start) = (client.clone(), hub.clone(), Instant::now());
    let staying = tokio::spawn(async move {
        let connect = |provisioned: Provisioned| {
            let mut hub = visited.lock().unwrap();
            hub.visits.push((start.elapsed().as_secs(), provisioned.is_new()));
            let result = hub.results.pop_front();
            async move {
                match result {
                    Some(result) => result,
                    None => std::future::pending().await,
                }
            }
        };
        let request = request().with_force_registration(false);
        client
            .stay_assigned(request, stored, ReprovisioningPolicy::new(2), connect)
            .await
    });
    (staying, hub)
}

/// An assignment from an earlier life of the device.
async fn stored() -> StoredAssignment {
    let (client, _) = client([assigned()]);
    let assignment = client.register(request()).await.unwrap();
    StoredAssignment::new(&request(), assignment)
}

fn visits(hub: &Mutex<Hub>) -> Vec<bool> {
    hub.lock().unwrap().visits.iter().map(|&(_, new)| new).collect()
}

/// How often the service was asked for a registration.
fn registrations(transport: &Scripted) -> usize {
    let calls = transport.calls();
    calls.iter().filter(|call| call.ends_with("register")).count()
}

#[tokio::test(start_paused = true)]
async fn a_stored_assignment_serves_until_the_hub_refuses_the_device_often_enough() {
    use HubResult::{Disconnected, Done, Refused};
    let (client, transport) = client([assigned()]);
    // The hub that accepts the device in between is forgiven.
    let results = [Refused(401), Disconnected, Refused(404), Refused(401), Done];
    let (staying, hub) = stay(&client, Some(stored().await), results);
    eventually(staying).await.unwrap().unwrap();
    assert_eq!(visits(&hub), [false, false, false, false, true]);
    assert_eq!(registrations(&transport), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_fails_is_tried_again_with_growing_waits_and_the_service_is_left_alone() {
    let (client, transport) = client([assigned()]);
    let (staying, hub) = stay(&client, None, [HubResult::Failed; 6]);
    pass(3600).await;
    assert_eq!(visits(&hub), [true, false, false, false, false, false, false]);
    assert_eq!(registrations(&transport), 1);
    let at: Vec<_> = hub.lock().unwrap().visits.iter().map(|&(at, _)| at).collect();
    let waits: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, doubled) in waits.into_iter().zip([4, 8, 16, 32, 60, 60]) {
        assert!((doubled * 3 / 4 - 1..=doubled).contains(&wait), "{wait} of {doubled} s");
    }
    assert!(!staying.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_forced_registration_is_forced_once() {
    let (client, transport) = client([assigned()]);
    let connections = std::cell::Cell::new(0);
    let connect = async |_: Provisioned| {
        connections.set(connections.get() + 1);
        if connections.get() < 3 {
            HubResult::Disconnected
        } else {
            HubResult::Done
        }
    };
    let staying = client.stay_assigned(
        request(),
        Some(stored().await),
        ReprovisioningPolicy::default(),
        connect,
    );
    eventually(staying).await.unwrap();
    assert_eq!((connections.get(), registrations(&transport)), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_fails_for_now_is_tried_again_and_another_failure_ends_it() {
    let (client, transport) = client([fails(ErrorKind::Lost), fails(ErrorKind::Tls)]);
    let (staying, hub) = stay(&client, None, []);
    let error = eventually(staying).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Tls, false));
    assert_eq!((visits(&hub).len(), registrations(&transport)), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn closing_the_client_ends_it_wherever_it_is() {
    // At the hub, while it waits to go there again, and while it registers.
    let cases = [
        (vec![], assigned().into()),
        (vec![HubResult::Failed], assigned().into()),
        (vec![], hangs()),
    ];
    for (results, play) in cases {
        let (client, _) = client([play]);
        let (staying, _) = stay(&client, None, results);
        pass(1).await;
        client.close().await.unwrap();
        ended(staying).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_does_not_answer_from_the_store() {
    let (client, _) = client([assigned()]);
    let (stored, request) = (stored().await, request().with_force_registration(false));
    let provisioned = at_once(client.register_unless_stored(request.clone(), Some(&stored)))
        .await
        .unwrap();
    assert_eq!(
        (provisioned.is_new(), provisioned.assignment()),
        (false, stored.assignment())
    );
    client.close().await.unwrap();
    let error = at_once(client.register_unless_stored(request, Some(&stored)))
        .await
        .unwrap_err();
    assert_is_cancelled_error(&error);
}

fn assert_is_cancelled_error(error: &RegisterError) {
    assert!(matches!(error.reason(), FailureReason::OperationCancelled), "{error:?}");
}
