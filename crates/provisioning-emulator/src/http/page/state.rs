//! The state that the page shows, as JSON: enrollments without their keys, connections, registrations, the log.

use serde_json::{Map, Value, json};

use crate::{
    enrollment::EnrollmentKind::{self, Group, Individual},
    service::Service,
};

/// The largest number of log entries in an answer.
const ENTRIES: usize = 1000;

/// The members of an enrollment that are shown: none of its keys.
const OF_ENROLLMENT: [&str; 4] = [
    "registrationId",
    "enrollmentGroupId",
    "provisioningStatus",
    "allocationPolicy",
];

/// The members of a registration that are shown.
const OF_REGISTRATION: [&str; 6] = [
    "registrationId",
    "status",
    "substatus",
    "errorMessage",
    "assignedHub",
    "lastUpdatedDateTimeUtc",
];

/// The current state, and the log entries after this number.
pub(super) fn state(service: &Service, since: u64) -> Value {
    let sessions = service.sessions().into_iter();
    let connections = sessions.map(|(id, number)| json!({"registrationId": id, "connection": number}));
    let mut entries = service.log.since(since);
    entries.drain(..entries.len().saturating_sub(ENTRIES));
    json!({
        "idScope": service.id_scope,
        "run": service.run,
        "enrollments": enrollments(service, Individual),
        "enrollmentGroups": enrollments(service, Group),
        "connections": connections.collect::<Vec<_>>(),
        "registrations": registrations(service),
        "oldest": service.log.oldest(),
        "log": entries,
    })
}

fn enrollments(service: &Service, kind: EnrollmentKind) -> Vec<Value> {
    let enrollments = service.enrollments.list(kind).into_iter();
    let shown = enrollments.map(|enrollment| {
        let members = enrollment.as_object().cloned().unwrap_or_default();
        let mut shown = only(&members, &OF_ENROLLMENT);
        shown["attestation"] = enrollment["attestation"]["type"].clone();
        shown
    });
    shown.collect()
}

fn registrations(service: &Service) -> Vec<Value> {
    let registrations = service.registry.all_registrations().into_iter();
    registrations
        .map(|registration| only(registration.members(), &OF_REGISTRATION))
        .collect()
}

/// The fields of these names.
fn only(object: &Map<String, Value>, names: &[&str]) -> Value {
    let fields = names
        .iter()
        .filter_map(|&name| Some((name.to_owned(), object.get(name)?.clone())));
    Value::Object(fields.collect())
}
