//! The calls of the control endpoint: the service's REST API, and calls that only the emulator has.

use std::time::Duration;

use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    access,
    api_version::api_version,
    error, health, new_device,
    query::{self, listed, page, with_continuation},
    server::{self, Call, Handled, Handler, Head, Refused, Reply, body, header, parameter, segments},
};
use crate::{
    enrollment::{
        EnrollmentKind::{self, Group, Individual},
        Precondition,
    },
    faults::{ChaosSettings, Fault, TooManyFaults},
    log::{ANSWER_SIZE, Direction, LogEntry, LogKind},
    refusal::Refusal,
    registration::State,
    service::Service,
};

/// The control endpoint.
pub(crate) struct Control<'a>(pub(crate) &'a Service);

/// How long a call may wait for an entry of the log, in seconds.
const LONGEST_WAIT: u64 = 60;

impl Handler for Control<'_> {
    /// The segments of the path.
    type Accepted = Vec<String>;

    fn kind(&self) -> LogKind {
        LogKind::Control
    }

    fn log(&self, entry: LogEntry) {
        self.0.log.write(entry);
    }

    fn judge(&self, head: &Head) -> Result<Vec<String>, Refused> {
        if !health::is_for(head) {
            access::check(head, &self.0.control_key)?;
        }
        let path = segments(head)?;
        find(head.method(), &path)?;
        if !is_of_emulator(&path) {
            api_version(head)?;
        }
        Ok(path)
    }

    async fn answer(&self, call: &Call, path: Vec<String>) -> Handled {
        Handled::Reply(self.perform(call, &path).await)
    }

    async fn refuse(&self, head: &Head, reply: Reply) -> Handled {
        self.0.log.write(entry(head, &reply, LogKind::Control).cut());
        Handled::Reply(reply)
    }
}

impl Control<'_> {
    /// Whether there is such a call.
    pub(super) fn find(head: &Head, path: &[String]) -> Result<(), Refused> {
        find(head.method(), path).map(|_| ())
    }

    /// Performs a call that may be made, and logs it.
    pub(super) async fn perform(&self, call: &Call, path: &[String]) -> Reply {
        let reply = match find(call.method(), path) {
            Ok(route) => {
                let changes_state = route.changes_state();
                let mut result = route.perform(self.0, call).await;
                if changes_state {
                    result = self.0.persisted(result).await;
                }
                result.unwrap_or_else(|refusal| error::refuse(&refusal))
            }
            Err(refused) => *refused,
        };
        let is_of_emulator = is_of_emulator(path);
        // Reading or clearing the log does not add to it.
        if !is_of_emulator || !reply.status().is_success() {
            let is_query = path.len() == 2 && path[1].eq_ignore_ascii_case("query");
            let id = path.get(1).filter(|_| !is_of_emulator && !is_query);
            self.0
                .log
                .write(entry(call, &reply, LogKind::Control).of_device(id.map(String::as_str)));
        }
        reply
    }
}

/// An entry about a call and its reply.
pub(super) fn entry<B>(call: &Request<B>, reply: &Reply, kind: LogKind) -> LogEntry {
    LogEntry {
        reason: error::message(reply),
        status: Some(reply.status().as_u16()),
        ..LogEntry::new(server::origin(call), Direction::Note, kind).about(call.method(), call.uri().path())
    }
}

fn find<'a>(method: &Method, path: &'a [String]) -> Result<Route<'a>, Refused> {
    let exists = |method: &Method| Route::find(method, path).is_some();
    Route::find(method, path).ok_or_else(|| error::not_found(exists, "There is no such path."))
}

/// A call, with the ids in its path.
enum Route<'a> {
    PutEnrollment(EnrollmentKind, &'a str),
    GetEnrollment(EnrollmentKind, &'a str),
    DeleteEnrollment(EnrollmentKind, &'a str),
    BulkOperation,
    QueryEnrollments(EnrollmentKind),
    AttestationMechanism(EnrollmentKind, &'a str),
    GetRegistration(&'a str),
    DeleteRegistration(&'a str),
    QueryRegistrations(&'a str),
    Health,
    Reset,
    CreateDevice,
    GetLog,
    ClearLog,
    PutFaults,
    AddFaults,
    GetFaults,
    DeleteFaults,
    PutChaos,
    GetChaos,
    ClearChaos,
    GetAllRegistrations,
}

impl<'a> Route<'a> {
    fn find(method: &Method, path: &'a [String]) -> Option<Self> {
        // SDKs differ in the case of the names. Ids are used as they are.
        let names: Vec<_> = path.iter().map(|name| name.to_ascii_lowercase()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let id = path.get(1).map_or("", String::as_str);
        Some(match (method.as_str(), &names[..]) {
            ("POST", ["enrollments"]) => Self::BulkOperation,
            ("POST", ["enrollments", "query"]) => Self::QueryEnrollments(Individual),
            ("PUT", ["enrollments", _]) => Self::PutEnrollment(Individual, id),
            ("GET", ["enrollments", _]) => Self::GetEnrollment(Individual, id),
            ("DELETE", ["enrollments", _]) => Self::DeleteEnrollment(Individual, id),
            ("POST", ["enrollments", _, "attestationmechanism"]) => Self::AttestationMechanism(Individual, id),
            ("POST", ["enrollmentgroups", "query"]) => Self::QueryEnrollments(Group),
            ("PUT", ["enrollmentgroups", _]) => Self::PutEnrollment(Group, id),
            ("GET", ["enrollmentgroups", _]) => Self::GetEnrollment(Group, id),
            ("DELETE", ["enrollmentgroups", _]) => Self::DeleteEnrollment(Group, id),
            ("POST", ["enrollmentgroups", _, "attestationmechanism"]) => Self::AttestationMechanism(Group, id),
            ("GET", ["registrations", _]) => Self::GetRegistration(id),
            ("DELETE", ["registrations", _]) => Self::DeleteRegistration(id),
            ("POST", ["registrations", _, "query"]) => Self::QueryRegistrations(id),
            ("GET" | "HEAD", ["health"]) => Self::Health,
            ("POST", ["emulator", "reset"]) => Self::Reset,
            ("POST", ["emulator", "devices"]) => Self::CreateDevice,
            ("GET", ["emulator", "log"]) => Self::GetLog,
            ("DELETE", ["emulator", "log"]) => Self::ClearLog,
            ("PUT", ["emulator", "faults"]) => Self::PutFaults,
            ("POST", ["emulator", "faults"]) => Self::AddFaults,
            ("GET", ["emulator", "faults"]) => Self::GetFaults,
            ("DELETE", ["emulator", "faults"]) => Self::DeleteFaults,
            ("PUT", ["emulator", "chaos"]) => Self::PutChaos,
            ("GET", ["emulator", "chaos"]) => Self::GetChaos,
            ("DELETE", ["emulator", "chaos"]) => Self::ClearChaos,
            ("GET", ["emulator", "registrations"]) => Self::GetAllRegistrations,
            _ => return None,
        })
    }

    async fn perform(self, service: &Service, call: &Call) -> Result<Reply, Refusal> {
        let (enrollments, registry) = (&service.enrollments, &service.registry);
        match self {
            Self::PutEnrollment(kind, id) => {
                let precondition = if_match(call).map_or(Precondition::Absent, Precondition::Etag);
                let enrollment = enrollments.put(kind, id, body(call)?, precondition)?;
                Ok(found(&enrollment.shown()))
            }
            Self::GetEnrollment(kind, id) => {
                let registration = || registry.registration(id).ok();
                let registration = (kind == Individual).then(registration).flatten();
                Ok(found(&ShownEnrollment {
                    enrollment: enrollments.get(kind, id)?.shown(),
                    registration_state: registration.map(|state| state.without_chain()),
                }))
            }
            Self::DeleteEnrollment(kind, id) => {
                enrollments.delete(kind, id, if_match(call))?;
                Ok(no_content())
            }
            Self::BulkOperation => {
                let (answer, changed) = enrollments.bulk(body(call)?)?;
                for id in changed {
                    note_change(service, call, &id);
                }
                Ok(found(&answer))
            }
            Self::QueryEnrollments(kind) => {
                let item_type = match kind {
                    Individual => "Enrollment",
                    Group => "EnrollmentGroup",
                };
                page(
                    service,
                    call,
                    |after, limit| enrollments.page(kind, after, limit),
                    item_type,
                )
            }
            Self::AttestationMechanism(kind, id) => Ok(found(&enrollments.attestation_mechanism(kind, id)?)),
            Self::GetRegistration(id) => Ok(found(&*registry.registration(id)?)),
            Self::DeleteRegistration(id) => {
                registry.delete_registration(id, if_match(call))?;
                Ok(no_content())
            }
            Self::QueryRegistrations(group) => {
                let fetch = |after: Option<&str>, limit| registry.page_of_group(group, after, limit);
                page(service, call, fetch, "DeviceRegistration")
            }
            Self::Health => Ok(health::reply(service)),
            Self::Reset => {
                service.reset().await;
                Ok(no_content())
            }
            Self::CreateDevice => Ok(found(&new_device::create(service, body(call)?).await?)),
            Self::GetLog => {
                let (after, wait) = (after(call)?, wait(call)?);
                // What is there after the time is the answer: an empty array if there is nothing.
                let _ = timeout(wait, service.log.has_after(after)).await;
                Ok(log(service, after))
            }
            Self::ClearLog => {
                service.log.clear();
                Ok(no_content())
            }
            Self::PutFaults => {
                service.faults.replace(faults(body(call)?)?).map_err(too_many)?;
                Ok(found(&json!(service.faults.left())))
            }
            Self::GetFaults => Ok(found(&json!(service.faults.left()))),
            Self::AddFaults => {
                service.faults.extend(faults(body(call)?)?).map_err(too_many)?;
                Ok(found(&json!(service.faults.left())))
            }
            Self::DeleteFaults if call.body().is_empty() => {
                service.faults.clear();
                Ok(no_content())
            }
            Self::DeleteFaults => {
                for fault in faults(body(call)?)? {
                    if !service.faults.remove(&fault) {
                        return Err(Refusal::new(
                            404,
                            404_001,
                            "There is no such fault: it may have triggered.",
                        ));
                    }
                }
                Ok(no_content())
            }
            Self::PutChaos => {
                service.set_chaos(Some(chaos(body(call)?)?));
                Ok(found(&service.faults.chaos()))
            }
            // `null` if it is off.
            Self::GetChaos => Ok(found(&service.faults.chaos())),
            Self::ClearChaos => {
                service.set_chaos(None);
                Ok(no_content())
            }
            Self::GetAllRegistrations => {
                let fetch = |after: Option<&str>, limit| registry.page(after, limit);
                listed(call, fetch, |state: &State| Some(query::json(&state.with_twin())))
            }
        }
    }

    /// Whether it changes what `--persist` keeps.
    fn changes_state(&self) -> bool {
        matches!(
            self,
            Self::PutEnrollment(..)
                | Self::DeleteEnrollment(..)
                | Self::BulkOperation
                | Self::DeleteRegistration(_)
                | Self::CreateDevice
                | Self::Reset
        )
    }
}

/// Whether only the emulator has such calls.
fn is_of_emulator(path: &[String]) -> bool {
    let is_name = |name: &&str| path.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
    ["emulator", "health"].iter().any(is_name)
}

/// Logs a change of an enrollment by a bulk operation.
fn note_change(service: &Service, call: &Call, id: &str) {
    let entry = LogEntry::new(server::origin(call), Direction::Note, LogKind::Control);
    let entry = entry.about(call.method(), call.uri().path()).with_status(Some(200));
    service.log.write(entry.of_device(Some(id)));
}

/// The etag of `If-Match`, which some SDKs quote and some do not.
fn if_match(call: &Call) -> Option<&str> {
    header(call, "if-match").map(|etag| etag.trim_matches('"'))
}

/// The faults in a body: an array, or one.
fn faults(body: Value) -> Result<Vec<Fault>, Refusal> {
    let faults = match body {
        Value::Array(faults) => faults,
        fault => vec![fault],
    };
    let numbered = faults.into_iter().enumerate();
    let faults = numbered.map(|(index, fault)| {
        serde_json::from_value(fault).map_err(|error| Refusal::bad_request(format!("Fault {}: {error}.", index + 1)))
    });
    faults.collect()
}

fn too_many(error: TooManyFaults) -> Refusal {
    Refusal::new(403, 403_004, error.to_string())
}

/// The settings of chaos in a body.
fn chaos(body: Value) -> Result<ChaosSettings, Refusal> {
    serde_json::from_value(body).map_err(|error| Refusal::bad_request(format!("Chaos: {error}.")))
}

/// The entries of the log after this number, as many as one answer has. If there are more, `x-ms-continuation` has the
/// number of the last one.
fn log(service: &Service, after: u64) -> Reply {
    let (entries, has_more) = service.log.after(after, ANSWER_SIZE);
    let reply = found(&entries);
    match entries.last().filter(|_| has_more) {
        Some(last) => with_continuation(reply, last.n.to_string()),
        None => reply,
    }
}

/// The number of the last log entry that the caller has; 0 if it has none.
fn after(call: &Call) -> Result<u64, Refusal> {
    let after = parameter(call, "after").map_or(Ok(0), |after| after.parse());
    after.map_err(|_| Refusal::bad_request("The parameter after is not the number of a log entry."))
}

/// How long the caller waits for an entry of the log: not at all unless it says so.
fn wait(call: &Call) -> Result<Duration, Refusal> {
    let seconds = parameter(call, "wait").map_or(Ok(0), |wait| wait.parse());
    match seconds {
        Ok(seconds @ 0..=LONGEST_WAIT) => Ok(Duration::from_secs(seconds)),
        _ => Err(Refusal::bad_request(format!(
            "The parameter wait is not a number of seconds from 0 to {LONGEST_WAIT}."
        ))),
    }
}

/// An enrollment, with the state of its device.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownEnrollment {
    #[serde(flatten)]
    enrollment: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_state: Option<State>,
}

fn found(value: &impl Serialize) -> Reply {
    server::json(200, value)
}

fn no_content() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}
