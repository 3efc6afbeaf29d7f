//! The service's REST API: enrollments, groups, registrations.

use hyper::Method;
use serde_json::Value;

use super::{
    answers::{bad_request, gone, method_not_allowed, no_such_path},
    body,
    query::page,
};
use crate::{
    enrollment::EnrollmentKind::{self, Group, Individual},
    http::{self, Call, Reply, header, parameter},
    log::LogKind,
    refused::Refused,
    service::Service,
};

/// The first version that is taken; later ones are, whether they exist or not.
const FIRST_VERSION: &str = "2018-09-01";

/// Calls about enrollments of one kind; `path` is what follows the kind.
pub(super) fn of_enrollments(
    service: &Service,
    call: &Call,
    kind: EnrollmentKind,
    path: &[&str],
) -> Result<Reply, Refused> {
    check_version(call)?;
    match *path {
        [] => Err(bad_request(
            "Bulk operations are left out: make one call for each enrollment.",
        )),
        [query] if is(query, "query") && call.method() == Method::POST => enrollments(service, call, kind),
        [id] => enrollment(service, call, kind, id),
        [id, last] if is(last, "attestationmechanism") => match *call.method() {
            Method::POST => service.enrollments.attestation_mechanism(kind, id).map(found),
            _ => Ok(method_not_allowed("POST")),
        },
        _ => Err(no_such_path()),
    }
}

/// Calls about registrations; `path` is what follows `registrations`.
pub(super) fn of_registrations(service: &Service, call: &Call, path: &[&str]) -> Result<Reply, Refused> {
    check_version(call)?;
    match *path {
        [id] => registration(service, call, id),
        [group, last] if is(last, "query") => match *call.method() {
            Method::POST => registrations(service, call, group),
            _ => Ok(method_not_allowed("POST")),
        },
        _ => Err(no_such_path()),
    }
}

fn enrollment(service: &Service, call: &Call, kind: EnrollmentKind, id: &str) -> Result<Reply, Refused> {
    let enrollments = &service.enrollments;
    match *call.method() {
        Method::PUT => {
            let enrollment = enrollments.put(kind, id, body(call)?, if_match(call))?;
            note(service, call, id);
            Ok(found(enrollment))
        }
        Method::GET => enrollments.get(kind, id).map(found),
        Method::DELETE => {
            enrollments.delete(kind, id, if_match(call))?;
            note(service, call, id);
            Ok(gone())
        }
        _ => Ok(method_not_allowed("DELETE, GET, PUT")),
    }
}

fn registration(service: &Service, call: &Call, id: &str) -> Result<Reply, Refused> {
    match *call.method() {
        Method::GET => service.registry.registration(id).map(found),
        Method::DELETE => {
            service.registry.delete_registration(id, if_match(call))?;
            note(service, call, id);
            Ok(gone())
        }
        _ => Ok(method_not_allowed("DELETE, GET")),
    }
}

fn enrollments(service: &Service, call: &Call, kind: EnrollmentKind) -> Result<Reply, Refused> {
    let items = service.enrollments.list(kind);
    match kind {
        Individual => page(call, items, "registrationId", "enrollment"),
        Group => page(call, items, "enrollmentGroupId", "enrollmentGroup"),
    }
}

fn registrations(service: &Service, call: &Call, group: &str) -> Result<Reply, Refused> {
    let items = service.registry.registrations_of_group(group);
    page(call, items, "registrationId", "deviceRegistration")
}

fn check_version(call: &Call) -> Result<(), Refused> {
    let version = parameter(call, "api-version").ok_or_else(|| bad_request("The parameter api-version is missing."))?;
    let date = version.strip_suffix("-preview").unwrap_or(&version);
    let is_date = date.len() == FIRST_VERSION.len()
        && date
            .bytes()
            .zip(FIRST_VERSION.bytes())
            .all(|(byte, shape)| match shape {
                b'-' => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    if is_date && date >= FIRST_VERSION {
        Ok(())
    } else {
        let message = format!("The api-version {version:?} is not taken: a date from {FIRST_VERSION} on is.");
        Err(bad_request(message))
    }
}

/// A change is a decision that the log tells.
fn note(service: &Service, call: &Call, id: &str) {
    let (method, path) = (call.method(), call.uri().path());
    let reason = format!("{method} {path}");
    service.note(http::origin(call), Some(id), LogKind::Control, reason);
}

/// Some SDKs quote it, as HTTP has it, and some do not.
fn if_match(call: &Call) -> Option<&str> {
    header(call, "if-match").map(|etag| etag.trim_matches('"'))
}

fn is(part: &str, name: &str) -> bool {
    part.eq_ignore_ascii_case(name)
}

fn found(value: Value) -> Reply {
    http::json(200, &value)
}
