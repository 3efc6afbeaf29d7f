//! Keeping an assignment over restarts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{endpoint::Endpoint, registration_state::Assignment, request::RegistrationRequest};

/// The format that this version writes and reads. The first field of every format is `format`, the second `host`; every
/// format also has `idScope` and `registrationId`.
const FORMAT: u32 = 1;

/// An assignment, and for which device it was made and by which service: kept in any self-describing format that serde
/// knows, such as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Stored")]
pub struct StoredAssignment(Stored);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    format: u32,
    host: String,
    id_scope: String,
    registration_id: String,
    assignment: Assignment,
}

/// Why bytes cannot be used as a stored assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The content is empty or consists of zeros: writing it was interrupted. Register again.
    #[error("it is empty")]
    Empty,
    /// The content is the beginning of a stored assignment: writing it was interrupted. Register again.
    #[error("it ends too early")]
    Truncated,
    /// A later version of this crate stored the assignment. Register again, or use that version.
    #[error("it has the format {0}, which a later version wrote")]
    Later(u64),
    /// The content is not a stored assignment. Do not overwrite it.
    #[error("it is not a stored assignment: {0}")]
    Foreign(String),
}

impl StoredError {
    /// Whether the content was stored by this crate, so that another assignment may replace it.
    pub fn is_replaceable(&self) -> bool {
        !matches!(self, Self::Foreign(_))
    }
}

impl StoredAssignment {
    /// What `request` was answered.
    pub fn new(request: &RegistrationRequest, assignment: Assignment) -> Self {
        Self(Stored {
            format: FORMAT,
            host: host(request),
            id_scope: request.id_scope().to_string(),
            registration_id: request.registration_id().to_string(),
            assignment,
        })
    }

    /// Reads an assignment that was stored as JSON, such as by [`serde_json::to_vec`]. Zeros at the end are ignored:
    /// some file systems leave them after a power cut.
    ///
    /// # Errors
    /// [`StoredError`] says whether the content was stored by this crate.
    pub fn from_json(json: &[u8]) -> Result<Self, StoredError> {
        let end = json.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let json = &json[..end];
        if json.is_empty() {
            return Err(StoredError::Empty);
        }
        match serde_json::from_slice::<Value>(json) {
            Ok(stored) => Self::try_from(stored),
            Err(error) if error.is_eof() && is_beginning(json) => Err(StoredError::Truncated),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(StoredError::Foreign(format!(
                    "no JSON from line {line}, column {column} on"
                )))
            }
        }
    }

    /// The assignment.
    pub fn assignment(&self) -> &Assignment {
        &self.0.assignment
    }

    /// The assignment, without whom it was made for.
    pub fn into_assignment(self) -> Assignment {
        self.0.assignment
    }

    /// Whether it answers `request` without asking the service: it was made for the same device in the same id scope at
    /// the same host, and the request does not [force](RegistrationRequest::with_force_registration) a registration.
    ///
    /// The host is that of the request's endpoint, and the service's global one when it has none, whatever the
    /// transport's own may be.
    pub fn matches(&self, request: &RegistrationRequest) -> bool {
        let Stored {
            host: asked,
            id_scope,
            registration_id,
            ..
        } = &self.0;
        !request.force_registration()
            && asked.eq_ignore_ascii_case(&host(request))
            && id_scope == request.id_scope().as_str()
            && registration_id.eq_ignore_ascii_case(request.registration_id().as_str())
    }
}

/// The host that is asked, as text.
fn host(request: &RegistrationRequest) -> String {
    match request.endpoint() {
        Some(endpoint) => endpoint.host().to_string(),
        None => Endpoint::default().host().to_string(),
    }
}

/// Whether JSON that ends too early begins as a stored assignment of any format, or may do so.
fn is_beginning(json: &[u8]) -> bool {
    let (format, host) = (r#"{"format":"#, r#","host":""#);
    let bytes = json.iter().filter(|byte| !byte.is_ascii_whitespace());
    let start: String = bytes.take(64).map(|&byte| char::from(byte)).collect();
    match start.strip_prefix(format) {
        None => format.starts_with(&start),
        Some(rest) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.starts_with(host) || host.starts_with(rest)
        }
    }
}

impl TryFrom<Value> for StoredAssignment {
    type Error = StoredError;

    /// As [`from_json`](Self::from_json), from a value.
    fn try_from(stored: Value) -> Result<Self, StoredError> {
        let has_ids = ["idScope", "registrationId"].iter().all(|id| stored[id].is_string());
        match stored["format"].as_u64() {
            Some(format) if has_ids && format > u64::from(FORMAT) => Err(StoredError::Later(format)),
            Some(format) if format != u64::from(FORMAT) => Err(StoredError::Foreign(format!(
                "a stored assignment of format {FORMAT} was expected, not {format}"
            ))),
            // The error of serde_json repeats values, and those of another file may be secrets.
            Some(_) if has_ids => serde_json::from_value(stored).map(Self).map_err(|_| {
                let expected = "`host`, or an `assignment` with `assignedHub` and `deviceId`, is missing";
                StoredError::Foreign(expected.to_owned())
            }),
            _ => Err(StoredError::Foreign(
                "`format`, `idScope` or `registrationId` is missing".to_owned(),
            )),
        }
    }
}

impl From<StoredAssignment> for Stored {
    fn from(StoredAssignment(stored): StoredAssignment) -> Self {
        stored
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::{IdScope, RegistrationId};

    fn request(scope: &str, id: &str) -> RegistrationRequest {
        RegistrationRequest::new(
            IdScope::new(scope).expect("a scope"),
            RegistrationId::new(id).expect("an id"),
        )
    }

    fn stored() -> Value {
        json!({
            "format": 1,
            "host": "global.azure-devices-provisioning.net",
            "idScope": "0ne1",
            "registrationId": "device-1",
            "assignment": {
                "operationId": "4.op",
                "registrationState": {"assignedHub": "hub", "deviceId": "d", "later": [1]},
            },
        })
    }

    #[test]
    fn what_was_stored_is_read_back_whole() {
        let read: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        assert_eq!(read.assignment().assigned_hub(), "hub");
        assert_eq!(read.assignment().operation_id(), Some("4.op"));
        assert_eq!(
            read,
            StoredAssignment::new(&request("0ne1", "device-1"), read.assignment().clone())
        );
        assert_eq!(serde_json::to_value(&read).expect("JSON"), stored());
    }

    #[test]
    fn another_format_and_an_assignment_without_a_hub_are_refused_with_reasons() {
        let later = json!({"format": 2, "answer": {}});
        let mut nowhere = stored();
        nowhere["assignment"]["registrationState"]["assignedHub"] = Value::Null;
        for (stored, reason) in [
            (later, "a stored assignment of format 1 was expected, not 2"),
            (nowhere, "assignedHub"),
        ] {
            let error = serde_json::from_value::<StoredAssignment>(stored).expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn every_beginning_and_a_later_format_are_ours_and_anything_else_is_not() {
        let read =
            |json: &[u8]| StoredAssignment::from_json(json).map(|stored| stored.assignment().device_id().to_owned());
        let stored: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        for whole in [serde_json::to_vec(&stored), serde_json::to_vec_pretty(&stored)] {
            let whole = whole.expect("JSON");
            assert_eq!(read(&whole), Ok("d".to_owned()));
            assert_eq!(read(&[&whole[..], &[0; 9]].concat()), Ok("d".to_owned()));
            assert_eq!(read(&[]), Err(StoredError::Empty));
            for end in 1..whole.len() {
                for zeros in [&[][..], &[0; 4096]] {
                    let read = read(&[&whole[..end], zeros].concat());
                    assert_eq!(read, Err(StoredError::Truncated), "{end}");
                }
            }
        }
        assert_eq!(read(&[0; 4096]), Err(StoredError::Empty));
        let later = json!({"format": 2, "idScope": "0ne1", "registrationId": "d", "assigned": []});
        assert_eq!(read(later.to_string().as_bytes()), Err(StoredError::Later(2)));
        for foreign in [
            "-----BEGIN PRIVATE KEY-----",
            "a2V5",
            "{\"a",
            "{\"format\":\"",
            "{\"format\":1,\"x",
            "{\"format\":1}",
            "{\"format\":2,\"data\":[]}",
            "{\"format\":1,\"host\":\"h\"} x",
            "[",
            "7",
            "\0{\"format\":1",
        ] {
            let error = read(foreign.as_bytes()).expect_err(foreign);
            assert!(!error.is_replaceable(), "{foreign}: {error}");
        }
    }

    #[test]
    fn the_error_does_not_repeat_what_another_file_contains() {
        for foreign in [
            r#""c2VjcmV0""#,
            r#"["c2VjcmV0"]"#,
            r#"{"format":"c2VjcmV0"}"#,
            r#"{"format":1,"idScope":"c2VjcmV0","registrationId":7}"#,
            r#"{"format":1,"host":"h","idScope":"s","registrationId":"d","assignment":"c2VjcmV0"}"#,
            "c2VjcmV0",
        ] {
            let error = StoredAssignment::from_json(foreign.as_bytes()).expect_err(foreign);
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
            let Ok(value) = serde_json::from_str::<Value>(foreign) else {
                continue;
            };
            let error = serde_json::from_value::<StoredAssignment>(value).expect_err(foreign);
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
        }
    }

    #[test]
    fn it_answers_the_same_device_in_the_same_scope_unless_forced() {
        let stored: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        assert!(stored.matches(&request("0ne1", "Device-1")));
        assert!(!stored.matches(&request("0ne2", "device-1")));
        assert!(!stored.matches(&request("0ne1", "device-2")));
        assert!(!stored.matches(&request("0ne1", "device-1").with_force_registration(true)));
    }

    #[test]
    fn an_assignment_from_one_host_does_not_answer_for_another() {
        let at = |host: &str| request("0ne1", "device-1").with_endpoint(host.parse().expect("an endpoint"));
        let global: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        let emulated = StoredAssignment::new(&at("[::1]:8883"), global.assignment().clone());
        assert!(global.matches(&at("Global.azure-devices-provisioning.net:443")));
        assert!(!global.matches(&at("global.azure-devices-provisioning.cn")));
        assert!(!global.matches(&at("[::1]")));
        assert!(emulated.matches(&at("[::1]")));
        assert!(!emulated.matches(&request("0ne1", "device-1")));
    }
}
