//! The state that the page shows, as JSON: enrollments without their keys, connections, registrations, the log.

use std::{collections::HashSet, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use super::exchange::{self, Selected};
use crate::{
    enrollment::EnrollmentKind::{self, Group, Individual},
    log::{ANSWER_SIZE, LogEntry},
    registration::State,
    service::Service,
};

/// The largest number of items in each list of an answer. The page shows how many there are in all.
const ITEMS: usize = 200;

/// A log entry, and whether it is a refusal.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    entry: Arc<LogEntry>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_refusal: bool,
}

/// The current state, the newest log entries and refusals after this number, the exchange that is selected, and
/// whether its reader may change something.
pub(super) fn state(service: &Service, after: u64, selected: Option<&Selected>, can_change: bool) -> Value {
    let (enrollments, registry) = (&service.enrollments, &service.registry);
    let connections = service.sessions(ITEMS);
    let log = service.log.entries();
    let refusals: Vec<_> = log.iter().filter(|entry| entry.is_refusal()).collect();
    let newest = &refusals[refusals.len().saturating_sub(ITEMS)..];
    let new_refusals = newest.iter().filter(|entry| entry.n > after);
    let exchange = selected.map(|selected| exchange::exchange(&log, selected, ITEMS));
    json!({
        "idScope": service.id_scope,
        "run": service.run,
        "canChange": can_change,
        "totals": {
            "enrollments": enrollments.count(Individual),
            "enrollmentGroups": enrollments.count(Group),
            "connections": service.session_count(),
            "registrations": registry.count(),
            "refusals": refusals.len(),
            "log": log.len(),
        },
        "enrollments": enrollments_of(service, Individual),
        "enrollmentGroups": enrollments_of(service, Group),
        "registrations": registrations(service, &connections),
        "connections": connections.iter().map(connection).collect::<Vec<_>>(),
        "faults": service.faults.left(),
        "oldest": service.log.oldest(),
        "log": shown(service.log.tail(after, ANSWER_SIZE)),
        "refusals": shown(new_refusals.copied().cloned()),
        "exchange": exchange.map(shown),
    })
}

fn shown(entries: impl IntoIterator<Item = Arc<LogEntry>>) -> Vec<Shown> {
    let shown = entries.into_iter().map(|entry| Shown {
        is_refusal: entry.is_refusal(),
        entry,
    });
    shown.collect()
}

fn connection((id, number): &(String, u64)) -> Value {
    json!({"registrationId": id, "connection": number})
}

/// The members of enrollments that are shown: none of their keys.
fn enrollments_of(service: &Service, kind: EnrollmentKind) -> Vec<Value> {
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
