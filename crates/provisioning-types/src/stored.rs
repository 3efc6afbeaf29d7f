//! Keeping an assignment over restarts, and when to ask for a new one.

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::Value;

use crate::{Assignment, Endpoint, RegistrationRequest};

/// The format that this version writes and reads.
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

    /// The assignment.
    pub fn assignment(&self) -> &Assignment {
        &self.0.assignment
    }

    /// Whether it answers `request` without asking the service: it was made for the same device in the same id scope at
    /// the same host, and the request does not [force](RegistrationRequest::with_force_registration) a registration.
    ///
    /// The host is that of the request's endpoint, and the service's global one when it has none, whatever the
    /// transport's own may be.
    pub fn answers(&self, request: &RegistrationRequest) -> bool {
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

/// What every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl TryFrom<Value> for StoredAssignment {
    type Error = serde_json::Error;

    fn try_from(stored: Value) -> Result<Self, serde_json::Error> {
        // First of all: a later format may have other fields, whose absence here would be a misleading complaint.
        let Format { format } = Format::deserialize(&stored)?;
        if format != FORMAT {
            let reason = format!("a stored assignment of format {FORMAT} was expected, not {format}");
            return Err(serde_json::Error::custom(reason));
        }
        serde_json::from_value(stored).map(Self)
    }
}

impl From<StoredAssignment> for Stored {
    fn from(StoredAssignment(stored): StoredAssignment) -> Self {
        stored
    }
}

/// Counts how often in a row the hub refused the device, and says whether the stored assignment still serves.
///
/// A hub that does not know the device (any more) answers with 401, 403 or 404: then the provisioning service may know
/// another one. A hub that is out of order (5xx) or busy is no reason to leave it. Stored beside the assignment, the
/// count survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HubRefusals {
    limit: u32,
    in_a_row: u32,
}

/// With which assignment to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum NextAssignment {
    /// Connect to the stored hub again.
    Stored,
    /// Register again, and store what comes of it.
    New,
}

impl HubRefusals {
    /// To register again after `limit` refusals in a row; the first counts as 1, and 0 means the same.
    pub fn new(limit: u32) -> Self {
        Self { limit, in_a_row: 0 }
    }

    /// The hub refused a connection with this HTTP-like status (MQTT 3.1.1's CONNACK 4 and 5 say 401).
    pub fn refused(&mut self, status: u16) -> NextAssignment {
        if matches!(status, 401 | 403 | 404) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        self.next()
    }

    /// The hub took the device, or the device registered again.
    pub fn accepted(&mut self) {
        self.in_a_row = 0;
    }

    /// What the refusals so far come to.
    pub fn next(&self) -> NextAssignment {
        // Here rather than in `new`: a limit that is read back may be 0 as well.
        if self.in_a_row >= self.limit.max(1) {
            NextAssignment::New
        } else {
            NextAssignment::Stored
        }
    }
}

impl Default for HubRefusals {
    /// After 3 in a row.
    fn default() -> Self {
        Self::new(3)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{IdScope, RegistrationId};

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
    fn it_answers_the_same_device_in_the_same_scope_unless_forced() {
        let stored: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        assert!(stored.answers(&request("0ne1", "Device-1")));
        assert!(!stored.answers(&request("0ne2", "device-1")));
        assert!(!stored.answers(&request("0ne1", "device-2")));
        assert!(!stored.answers(&request("0ne1", "device-1").with_force_registration(true)));
    }

    #[test]
    fn an_assignment_from_one_host_does_not_answer_for_another() {
        let at = |host: &str| request("0ne1", "device-1").with_endpoint(host.parse().expect("an endpoint"));
        let global: StoredAssignment = serde_json::from_value(stored()).expect("an assignment");
        let emulated = StoredAssignment::new(&at("[::1]:8883"), global.assignment().clone());
        assert!(global.answers(&at("Global.azure-devices-provisioning.net:443")));
        assert!(!global.answers(&at("global.azure-devices-provisioning.cn")));
        assert!(!global.answers(&at("[::1]")));
        assert!(emulated.answers(&at("[::1]")));
        assert!(!emulated.answers(&request("0ne1", "device-1")));
    }

    #[test]
    fn refusals_in_a_row_lead_to_a_new_registration_and_failures_of_the_hub_do_not() {
        let mut refusals = HubRefusals::default();
        for status in [401, 500, 503, 429, 404, 400] {
            assert_eq!(refusals.refused(status), NextAssignment::Stored, "{status}");
        }
        assert_eq!(refusals.refused(403), NextAssignment::New);
        assert_eq!(
            refusals.refused(500),
            NextAssignment::New,
            "that it still fails changes nothing"
        );
        refusals.accepted();
        assert_eq!(refusals.next(), NextAssignment::Stored);
        let read: HubRefusals = serde_json::from_value(json!({"limit": 0, "inARow": 0})).expect("a count");
        for mut zero in [HubRefusals::new(0), read] {
            assert_eq!(zero.next(), NextAssignment::Stored);
            assert_eq!(zero.refused(401), NextAssignment::New);
        }
    }
}
