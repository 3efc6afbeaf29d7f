//! The answer of `dps register`: the assignment.

use provisioning_device::{Assignment, RegistrationId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::{failure::Failure, kind::ASSIGNED_BUT_NOT_SAVED, outcome::Answer};

/// An assigned device: the registration state with the operation id beside its fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assigned {
    status: &'static str,
    registration_id: String,
    device_id: String,
    assigned_hub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// The other fields of the registration state, under their names in the protocol.
    #[serde(flatten)]
    fields: Map<String, Value>,
    /// Why a file was not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(skip)]
    substatus: Option<String>,
}

impl Assigned {
    /// The service's registration id is preferred to the request's: upper and lower case may differ.
    pub(crate) fn new(registration_id: &RegistrationId, assignment: &Assignment) -> Self {
        let state = assignment.state();
        let named = ["status", "registrationId", "deviceId", "assignedHub", "operationId"];
        let mut fields = state.raw().clone();
        fields.retain(|name, _| !named.contains(&name.as_str()));
        Self {
            status: "assigned",
            registration_id: state.registration_id().unwrap_or(registration_id.as_ref()).to_owned(),
            device_id: assignment.device_id().to_owned(),
            assigned_hub: assignment.assigned_hub().to_owned(),
            operation_id: assignment.operation_id().map(str::to_owned),
            fields,
            error: None,
            substatus: state.substatus().map(|substatus| substatus.as_str().to_owned()),
        }
    }

    /// The same, with why files were not written.
    pub(crate) fn with_error(mut self, error: Option<Failure>) -> Self {
        self.error = error;
        self
    }
}

impl Answer for Assigned {
    fn failure(&self) -> Option<&Failure> {
        self.error.as_ref()
    }

    fn exit_code(&self) -> u8 {
        self.error.as_ref().map_or(0, |_| ASSIGNED_BUT_NOT_SAVED)
    }

    fn lines(&self) -> Vec<String> {
        let payload = self.fields.get("payload").filter(|payload| !payload.is_null());
        let payload = payload.map(Value::to_string);
        let rows = [
            ("registration id", Some(self.registration_id.as_str())),
            ("assigned hub", Some(&self.assigned_hub)),
            ("device id", Some(&self.device_id)),
            ("substatus", self.substatus.as_deref()),
            ("payload", payload.as_deref()),
            ("operation id", self.operation_id.as_deref()),
        ];
        let rows = rows
            .iter()
            .filter_map(|(name, value)| Some(format!("  {name:<16} {}", (*value)?)));
        ["assigned".to_owned()].into_iter().chain(rows).collect()
    }
}
