//! The state that the page shows, as JSON: enrollments without their keys, connections, registrations, the log.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};

use crate::{
    enrollment::EnrollmentKind::{self, Group, Individual},
    registration::State,
    service::Service,
};

/// The largest number of items in each list of an answer. The page shows how many there are in all.
const ITEMS: usize = 200;

/// How many bytes of log entries an answer has, about.
const LOG_SIZE: usize = 256 * 1024;

/// The current state, and the newest log entries after this number.
pub(super) fn state(service: &Service, after: u64) -> Value {
    let (enrollments, registry) = (&service.enrollments, &service.registry);
    let connections = service.sessions(ITEMS);
    let log = service.log.tail(after, LOG_SIZE);
    let refusals = log.iter().filter(|entry| entry.is_refusal()).map(|entry| entry.n);
    json!({
        "idScope": service.id_scope,
        "run": service.run,
        "totals": {
            "enrollments": enrollments.count(Individual),
            "enrollmentGroups": enrollments.count(Group),
            "connections": service.session_count(),
            "registrations": registry.count(),
        },
        "enrollments": shown(service, Individual),
        "enrollmentGroups": shown(service, Group),
        "registrations": registrations(service, &connections),
        "connections": connections.iter().map(connection).collect::<Vec<_>>(),
        "oldest": service.log.oldest(),
        "refusals": refusals.collect::<Vec<_>>(),
        "log": log,
    })
}

fn connection((id, number): &(String, u64)) -> Value {
    json!({"registrationId": id, "connection": number})
}

/// The members of enrollments that are shown: none of their keys.
fn shown(service: &Service, kind: EnrollmentKind) -> Vec<Value> {
    let enrollments = service.enrollments.page(kind, None, ITEMS);
    let shown = enrollments.iter().map(|enrollment| {
        let enrollment = enrollment.shown();
        json!({
            kind.id_field(): enrollment[kind.id_field()],
            "provisioningStatus": enrollment["provisioningStatus"],
            "allocationPolicy": enrollment["allocationPolicy"],
            "attestation": enrollment["attestation"]["type"],
        })
    });
    shown.collect()
}

/// The newest registrations, and those of these connections.
fn registrations(service: &Service, connections: &[(String, u64)]) -> Vec<Arc<State>> {
    let mut states = service.registry.newest(ITEMS);
    let newest: HashSet<_> = states
        .iter()
        .map(|state| state.registration_id.to_ascii_lowercase())
        .collect();
    let others = connections.iter().filter(|(id, _)| !newest.contains(id));
    states.extend(others.filter_map(|(id, _)| service.registry.registration(id).ok()));
    states
}
