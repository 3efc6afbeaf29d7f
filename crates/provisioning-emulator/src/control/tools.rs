//! What only an emulator can be asked for: its packet log, and all registrations.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::answers::{bad_request, method_not_allowed, no_such_path};
use crate::{
    http::{self, Call, Reply, parameter},
    refused::Refused,
    service::Service,
};

/// `path` is what follows `/emulator/`.
pub(super) fn answer(service: &Service, call: &Call, path: &[&str]) -> Result<Reply, Refused> {
    match path {
        ["log"] => match *call.method() {
            Method::GET => Ok(http::json(200, &json!(service.log.since(since(call)?)))),
            Method::DELETE => {
                service.log.clear();
                let mut reply = Reply::default();
                *reply.status_mut() = StatusCode::NO_CONTENT;
                Ok(reply)
            }
            _ => Ok(method_not_allowed("DELETE, GET")),
        },
        ["registrations"] => match *call.method() {
            Method::GET => Ok(http::json(200, &Value::Array(service.registry.all_registrations()))),
            _ => Ok(method_not_allowed("GET")),
        },
        _ => Err(no_such_path()),
    }
}

/// The number of the last entry that the caller has; 0 when it has none.
fn since(call: &Call) -> Result<u64, Refused> {
    let since = parameter(call, "since").map_or(Ok(0), |since| since.parse());
    since.map_err(|_| bad_request("The parameter since is the number of an entry."))
}
