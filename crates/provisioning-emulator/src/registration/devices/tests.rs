//! Limits: what is forgotten, what is refused, and what stays.

use serde_json::value::RawValue;

use super::*;
use crate::{
    enrollment::{Allocation, AllocationPolicy, AttestationKind},
    registration::{
        allocation::{Selection, assign},
        request::Request,
        state::RegistrationStatus,
    },
};

const LIMITS: Limits = Limits {
    devices: 3,
    operations: 2,
    unfinished: 1000,
    outcomes: 1000,
};

/// Starts an operation whose request has a payload of this size.
fn start(devices: &mut Devices, device: &str, id: &str, size: usize) -> Result<(), u16> {
    start_in_group(devices, device, id, size, None)
}

fn start_in_group(devices: &mut Devices, device: &str, id: &str, size: usize, group: Option<&str>) -> Result<(), u16> {
    let running = Running {
        registration_id: device.into(),
        connection: None,
        request: Request {
            payload: payload(size),
            csr: None,
            with_profile: false,
        },
        allocation: Arc::new(Allocation {
            attestation: AttestationKind::X509,
            group: group.map(str::to_owned),
            is_enabled: true,
            device_id: None,
            hubs: vec![],
            policy: AllocationPolicy::Static,
            reprovision: Default::default(),
            webhook: None,
            issues_certificates: false,
        }),
        selection: Selection::ByPolicy,
        polls_left: 1,
        created: String::new(),
    };
    devices
        .start(device, id, running)
        .map(drop)
        .map_err(|refusal| refusal.status)
}

/// JSON of this size; none of size 0.
fn payload(size: usize) -> Option<Box<RawValue>> {
    let text = (size > 0).then(|| format!("\"{}\"", "p".repeat(size - 2)))?;
    RawValue::from_string(text).ok()
}

/// Completes an operation; its outcome has the payload of the request.
fn complete(devices: &mut Devices, device: &str, id: &str) {
    let Some(Next::Complete(running, former)) = devices.query(device, id) else {
        panic!("{id} is not completed by a query");
    };
    let state = State {
        payload: running.request.payload,
        ..State::new(running.registration_id, RegistrationStatus::Assigned)
    };
    let assigned = assign("hub".to_owned(), Default::default(), former.as_ref());
    devices.end(device, id, &Arc::new(state), Some(assigned));
}

fn exists(devices: &mut Devices, device: &str, id: &str) -> bool {
    devices.query(device, id).is_some()
}

fn ids(states: &[Arc<State>]) -> Vec<&str> {
    states.iter().map(|state| &*state.registration_id).collect()
}

/// The counters are those of what is there.
fn check(devices: &Devices) {
    let operations = || devices.by_id.values().flat_map(|device| &device.operations);
    let size = |has_ended| {
        let those = operations().filter(|operation| operation.has_ended() == has_ended);
        those.map(|operation| operation.size).sum::<usize>()
    };
    assert_eq!((devices.unfinished, devices.outcomes), (size(false), size(true)));
    assert_eq!(devices.by_age.len(), devices.by_id.len());
    let large = operations().filter(|operation| operation.has_ended() && operation.size > 0);
    assert_eq!(devices.large.len(), large.count());
    let grouped = devices.by_id.values().filter(|device| device.group.is_some()).count();
    assert_eq!(devices.by_group.values().map(BTreeSet::len).sum::<usize>(), grouped);
}

#[test]
fn a_device_that_registers_again_and_again_replaces_its_own_operations_only() {
    let mut devices = Devices::new(LIMITS);
    start(&mut devices, "running", "r", 100).expect("room");
    start(&mut devices, "assigned", "a", 100).expect("room");
    complete(&mut devices, "assigned", "a");
    for number in 0..1000 {
        start(&mut devices, "chatty", &number.to_string(), 10).expect("room");
        check(&devices);
    }
    assert!(exists(&mut devices, "running", "r"));
    assert!(exists(&mut devices, "assigned", "a"));
    assert!(exists(&mut devices, "chatty", "999") && exists(&mut devices, "chatty", "998"));
    assert!(!exists(&mut devices, "chatty", "997"));
}

#[test]
fn the_device_that_registered_least_recently_is_forgotten_first() {
    let mut devices = Devices::new(LIMITS);
    for (device, id) in [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("d", "5")] {
        start(&mut devices, device, id, 10).expect("room");
        check(&devices);
    }
    assert_eq!(ids(&devices.page(None, 10)), ["a", "c", "d"]);
    assert_eq!(ids(&devices.newest(2)), ["d", "a"]);
    assert_eq!(devices.len(), 3);
}

#[test]
fn unfinished_registrations_that_take_too_much_are_refused_until_others_end_or_are_deleted() {
    let mut devices = Devices::new(LIMITS);
    start(&mut devices, "a", "1", 600).expect("room");
    assert_eq!(start(&mut devices, "b", "2", 600), Err(429));
    start(&mut devices, "b", "2", 0).expect("nothing that counts");
    complete(&mut devices, "a", "1");
    start(&mut devices, "b", "3", 600).expect("room again");
    devices.remove("b");
    check(&devices);
    start(&mut devices, "c", "4", 1000).expect("room again");
    check(&devices);
}

/// The answer of a webhook with a payload of this size.
fn answer(size: usize) -> Result<WebhookAnswer, String> {
    Ok(WebhookAnswer {
        iot_hub_host_name: "hub".to_owned(),
        payload: payload(size),
        initial_twin: None,
    })
}

#[test]
fn the_answer_of_a_webhook_counts_as_the_request_does_and_is_a_failure_if_it_does_not_fit() {
    let mut devices = Devices::new(LIMITS);
    for (device, id) in [("a", "1"), ("b", "2")] {
        start(&mut devices, device, id, 100).expect("room");
    }
    assert_eq!(devices.select("a", "1", |_| answer(600)), Some(Ok("hub".to_owned())));
    check(&devices);
    let refused = devices.select("b", "2", |_| answer(600)).expect("it is unfinished");
    assert!(refused.is_err_and(|reason| reason.contains("no room")));
    complete(&mut devices, "a", "1");
    check(&devices);
    assert_eq!(devices.select("a", "1", |_| answer(1)), None, "it has ended");
    assert_eq!(devices.select("b", "2", |_| answer(600)), Some(Ok("hub".to_owned())));
    check(&devices);
}

#[test]
fn an_outcome_of_a_registration_that_was_deleted_meanwhile_is_not_recorded() {
    let mut devices = Devices::new(LIMITS);
    start(&mut devices, "a", "1", 10).expect("room");
    assert!(matches!(devices.query("a", "1"), Some(Next::Complete(..))));
    devices.remove("a");
    start(&mut devices, "a", "2", 10).expect("room");
    let assigned = assign("hub".to_owned(), Default::default(), None);
    let state = Arc::new(State::new("a".into(), RegistrationStatus::Assigned));
    devices.end("a", "1", &state, Some(assigned));
    assert!(!devices.is_assigned("a"));
    check(&devices);
}

#[test]
fn the_oldest_outcomes_lose_their_payloads_and_nothing_else() {
    let mut devices = Devices::new(LIMITS);
    for (device, id) in [("a", "1"), ("b", "2"), ("c", "3")] {
        start(&mut devices, device, id, 400).expect("room");
        complete(&mut devices, device, id);
        check(&devices);
    }
    let states = devices.page(None, 10);
    let sizes: Vec<_> = states.iter().map(|state| state.size()).collect();
    assert_eq!((ids(&states), &sizes[..]), (vec!["a", "b", "c"], &[0, 400, 400][..]));
    assert!(exists(&mut devices, "a", "1"));
    assert!(devices.is_assigned("a"));
}

#[test]
fn a_page_has_those_behind_an_id_and_a_groups_page_its_devices() {
    let mut devices = Devices::new(Limits { devices: 10, ..LIMITS });
    for (device, group) in [("a", "G"), ("b", "H"), ("c", "g"), ("d", "g")] {
        start_in_group(&mut devices, device, device, 0, Some(group)).expect("room");
    }
    assert_eq!(ids(&devices.page(Some("a"), 2)), ["b", "c"]);
    assert_eq!(ids(&devices.page_of_group("g", None, 2)), ["a", "c"]);
    assert_eq!(ids(&devices.page_of_group("g", Some("c"), 2)), ["d"]);
    start_in_group(&mut devices, "a", "again", 0, Some("h")).expect("room");
    devices.remove("d");
    assert_eq!(ids(&devices.page_of_group("g", None, 9)), ["c"]);
    assert_eq!(ids(&devices.page_of_group("h", None, 9)), ["a", "b"]);
    check(&devices);
}
