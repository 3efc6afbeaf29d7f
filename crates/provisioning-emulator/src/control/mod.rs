//! The control endpoint: the service's own REST API, and beside it what only an emulator can be asked for.

mod access;
mod answers;
mod api;
mod query;
mod tools;

pub(crate) use access::connection_string;

use percent_encoding::percent_decode_str;

use self::answers::{no_such_path, refusal};
use crate::{
    enrollment::EnrollmentKind,
    http::{Call, Reply, Unread},
    refused::Refused,
    service::Service,
};

/// Answers one call; refusals have the service's body.
pub(crate) fn answer(service: &Service, call: &Call) -> Reply {
    route(service, call).unwrap_or_else(|refused| refusal(&refused))
}

fn route(service: &Service, call: &Call) -> Result<Reply, Refused> {
    access::check(call, &service.control_key)?;
    let path = path(call)?;
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    let (first, rest) = path.split_first().ok_or_else(no_such_path)?;
    // SDKs differ in the names' case.
    match first.to_ascii_lowercase().as_str() {
        "enrollments" => api::of_enrollments(service, call, EnrollmentKind::Individual, rest),
        "enrollmentgroups" => api::of_enrollments(service, call, EnrollmentKind::Group, rest),
        "registrations" => api::of_registrations(service, call, rest),
        "emulator" => tools::answer(service, call, rest),
        _ => Err(no_such_path()),
    }
}

/// The parts of the path, decoded.
fn path(call: &Call) -> Result<Vec<String>, Refused> {
    let path = call.uri().path();
    let parts = path.split('/').filter(|part| !part.is_empty());
    let decoded: Result<Vec<_>, _> = parts
        .map(|part| Ok(percent_decode_str(part).decode_utf8()?.into_owned()))
        .collect();
    decoded.map_err(|_: std::str::Utf8Error| answers::bad_request("The path is no UTF-8."))
}

/// The body, which must be JSON.
fn body(call: &Call) -> Result<serde_json::Value, Refused> {
    let bytes = call.body().as_ref().map_err(|why| match why {
        Unread::TooLong => answers::refused(413, 413_001, "The body is longer than 1 MiB."),
        Unread::TooSlow => answers::refused(408, 408_001, "The body did not arrive in time."),
        Unread::Broken => answers::bad_request("The body is broken."),
    })?;
    serde_json::from_slice(bytes).map_err(|error| answers::bad_request(format!("The body is no JSON: {error}.")))
}
