//! The state of a registration: as the service writes it, and for programs that use the emulator as a library.

use std::{fmt, ops::Index};

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

/// A registration state as the service writes it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// All other members.
    #[serde(flatten)]
    pub(super) members: Map<String, Value>,
    /// The payload that is returned to the device, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Box<RawValue>>,
    /// The twin that the webhook gave the device, as it was given. The service keeps it for the hub.
    #[serde(skip)]
    pub(super) initial_twin: Option<Box<RawValue>>,
}

/// A registration state as the emulator's own call shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownState<'a> {
    #[serde(flatten)]
    state: &'a State,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_twin: Option<&'a RawValue>,
}

impl State {
    /// The state with the initial twin.
    pub(crate) fn with_twin(&self) -> ShownState<'_> {
        ShownState {
            state: self,
            initial_twin: self.initial_twin.as_deref(),
        }
    }

    /// All members but the payload.
    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

/// A member; null if there is no such member.
impl Index<&str> for State {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.members.get(name).unwrap_or(&Value::Null)
    }
}

/// The state of a device's registration, from [`Emulator::registrations`](crate::Emulator::registrations).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// The registration id, as the device wrote it.
    pub registration_id: String,
    /// The status of the registration.
    pub status: RegistrationStatus,
    /// The id of the device at its hub; only if it is assigned.
    pub device_id: Option<String>,
    /// The host name of the hub; only if the device is assigned.
    pub assigned_hub: Option<String>,
    /// How the device was assigned: `initialAssignment`, `deviceDataMigrated`, `deviceDataReset` or
    /// `reprovisionedToInitialAssignment`.
    pub substatus: Option<String>,
    /// The enrollment group that the device belongs to; none for an individual enrollment.
    pub enrollment_group_id: Option<String>,
    /// The error code of a failed registration.
    pub error_code: Option<u32>,
    /// The error message of a failed registration.
    pub error_message: Option<String>,
    /// The payload that was returned to the device, the JSON text as it was given.
    pub payload: Option<String>,
    /// The `initialTwin` that the webhook gave the device, the JSON text as it was given.
    pub initial_twin: Option<String>,
    /// When the device requested the registration, as the service writes times (RFC 3339, UTC).
    pub created: Option<String>,
    /// When the registration was completed.
    pub last_updated: Option<String>,
    /// The version of the registration, for conditional requests to the control endpoint.
    pub etag: Option<String>,
}

/// The status of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationStatus {
    /// It is not completed: the device has not queried it often enough.
    Assigning,
    /// The device is assigned to a hub.
    Assigned,
    /// It failed.
    Failed,
    /// The enrollment is disabled.
    Disabled,
}

impl RegistrationStatus {
    /// The service's name of the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigning => "assigning",
            Self::Assigned => "assigned",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Assigning, Self::Assigned, Self::Failed, Self::Disabled];
        all.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for RegistrationStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Registration {
    /// Reads a registration state as the registry writes it.
    pub(crate) fn from_state(state: &State) -> Self {
        let text = |name: &str| state[name].as_str().map(str::to_owned);
        let of_group = |attestation: &str| state[attestation]["enrollmentGroupId"].as_str().map(str::to_owned);
        Self {
            registration_id: text("registrationId").unwrap_or_default(),
            status: state["status"]
                .as_str()
                .and_then(RegistrationStatus::from_name)
                .unwrap_or(RegistrationStatus::Assigning),
            device_id: text("deviceId"),
            assigned_hub: text("assignedHub"),
            substatus: text("substatus"),
            enrollment_group_id: of_group("x509").or_else(|| of_group("symmetricKey")),
            error_code: state["errorCode"].as_u64().and_then(|code| u32::try_from(code).ok()),
            error_message: text("errorMessage"),
            payload: state.payload.as_ref().map(|payload| payload.get().to_owned()),
            initial_twin: state.initial_twin.as_ref().map(|twin| twin.get().to_owned()),
            created: text("createdDateTimeUtc"),
            last_updated: text("lastUpdatedDateTimeUtc"),
            etag: text("etag"),
        }
    }
}
