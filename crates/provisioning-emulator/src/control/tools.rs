//! What only an emulator can be asked for: its packet log, all registrations, and faults.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    answers::{bad_request, gone, method_not_allowed, no_such_path},
    body,
};
use crate::{
    Fault,
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
                Ok(gone())
            }
            _ => Ok(method_not_allowed("DELETE, GET")),
        },
        ["faults"] => match *call.method() {
            Method::PUT => {
                service.faults.replace(faults(body(call)?)?);
                Ok(http::json(200, &json!(service.faults.left())))
            }
            Method::GET => Ok(http::json(200, &json!(service.faults.left()))),
            Method::DELETE => {
                service.faults.replace(vec![]);
                Ok(gone())
            }
            _ => Ok(method_not_allowed("DELETE, GET, PUT")),
        },
        ["registrations"] => match *call.method() {
            Method::GET => Ok(http::json(200, &Value::Array(service.registry.all_registrations()))),
            _ => Ok(method_not_allowed("GET")),
        },
        _ => Err(no_such_path()),
    }
}

/// The faults in a body: several, or one.
fn faults(body: Value) -> Result<Vec<Fault>, Refused> {
    let faults = match body {
        Value::Array(faults) => faults,
        fault => vec![fault],
    };
    let numbered = faults.into_iter().enumerate();
    let faults = numbered.map(|(index, fault)| {
        serde_json::from_value(fault).map_err(|error| bad_request(format!("Fault {}: {error}.", index + 1)))
    });
    faults.collect()
}

/// The number of the last entry that the caller has; 0 when it has none.
fn since(call: &Call) -> Result<u64, Refused> {
    let since = parameter(call, "since").map_or(Ok(0), |since| since.parse());
    since.map_err(|_| bad_request("The parameter since is the number of an entry."))
}
