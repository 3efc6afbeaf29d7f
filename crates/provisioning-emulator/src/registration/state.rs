//! The state of a registration: as the service writes it, and for programs that use the emulator as a library.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

use super::allocation::Substatus;
use crate::enrollment::AttestationKind;

/// A registration state as the service writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    pub(crate) registration_id: Arc<str>,
    pub(crate) status: RegistrationStatus,
    /// Unless it is `assigning`.
    #[serde(flatten)]
    pub(super) outcome: Option<Outcome>,
    /// If it is `assigned`.
    #[serde(flatten)]
    pub(super) assignment: Option<Assignment>,
    /// If it is `failed`.
    #[serde(flatten)]
    pub(super) failure: Option<Failure>,
    /// The payload that is returned to the device, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Box<RawValue>>,
    /// The chain for the signing request; null if none could be issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issued_certificate_chain: Option<Arc<Value>>,
    /// The twin that the webhook gave the device, as it was given. The service keeps it for the hub.
    #[serde(skip)]
    pub(super) initial_twin: Option<Box<RawValue>>,
}

/// What the state of every completed registration has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) created_date_time_utc: String,
    pub(super) last_updated_date_time_utc: String,
    pub(super) etag: String,
    #[serde(flatten)]
    pub(super) attestation: Attestation,
}

/// How the device proved its identity: a member with the name of the attestation.
#[derive(Debug, Clone)]
pub(super) struct Attestation {
    pub(super) kind: AttestationKind,
    pub(super) group: Option<String>,
}

/// What the state of an assigned device has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assignment {
    pub(super) device_id: String,
    pub(super) assigned_hub: String,
    pub(super) substatus: Substatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection_profile: Option<String>,
}

/// What the state of a failed registration has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    pub(super) error_code: u32,
    pub(super) error_message: String,
}

impl Serialize for Attestation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let group = self.group.iter().map(|group| ("enrollmentGroupId", group));
        serializer.collect_map([(self.kind.name(), group.collect::<BTreeMap<_, _>>())])
    }
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
    /// The state of a registration in progress.
    pub(super) fn assigning(registration_id: &Arc<str>) -> Self {
        Self::new(Arc::clone(registration_id), RegistrationStatus::Assigning)
    }

    pub(super) fn new(registration_id: Arc<str>, status: RegistrationStatus) -> Self {
        Self {
            registration_id,
            status,
            outcome: None,
            assignment: None,
            failure: None,
            payload: None,
            issued_certificate_chain: None,
            initial_twin: None,
        }
    }

    /// The state with the initial twin.
    pub(crate) fn with_twin(&self) -> ShownState<'_> {
        ShownState {
            state: self,
            initial_twin: self.initial_twin.as_deref(),
        }
    }

    /// The state without the chain that was issued.
    pub(crate) fn without_chain(&self) -> Self {
        Self {
            payload: self.payload.clone(),
            initial_twin: self.initial_twin.clone(),
            ..self.reduced()
        }
    }

    /// The state without what counts towards the limit.
    pub(super) fn reduced(&self) -> Self {
        Self {
            outcome: self.outcome.clone(),
            assignment: self.assignment.clone(),
            failure: self.failure.clone(),
            ..Self::new(Arc::clone(&self.registration_id), self.status)
        }
    }

    /// The outcome, for the log.
    pub(super) fn in_words(&self) -> String {
        match (self.status, &self.assignment, &self.failure) {
            (RegistrationStatus::Assigned, Some(assignment), _) => {
                let Assignment {
                    assigned_hub,
                    device_id,
                    ..
                } = assignment;
                match *device_id == *self.registration_id {
                    true => format!("assigned to {assigned_hub}"),
                    false => format!("assigned to {assigned_hub} as {device_id}"),
                }
            }
            (RegistrationStatus::Failed, _, Some(failure)) => {
                format!("failed with {}: {}", failure.error_code, failure.error_message)
            }
            (status, _, _) => status.as_str().to_owned(),
        }
    }

    /// The bytes that count towards the limit.
    pub(super) fn size(&self) -> usize {
        let given = [&self.payload, &self.initial_twin].into_iter().flatten();
        let chain = self
            .issued_certificate_chain
            .iter()
            .map(|chain| chain.to_string().len());
        given.map(|text| text.get().len()).chain(chain).sum()
    }

    /// The etag; none while it is in progress.
    pub(super) fn etag(&self) -> Option<&str> {
        self.outcome.as_ref().map(|outcome| outcome.etag.as_str())
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
}

impl fmt::Display for RegistrationStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for RegistrationStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<&State> for Registration {
    fn from(state: &State) -> Self {
        let (outcome, assignment, failure) = (&state.outcome, &state.assignment, &state.failure);
        let of = |text: Option<&String>| text.cloned();
        let given = |text: &Option<Box<RawValue>>| text.as_ref().map(|text| text.get().to_owned());
        Self {
            registration_id: state.registration_id.to_string(),
            status: state.status,
            device_id: of(assignment.as_ref().map(|it| &it.device_id)),
            assigned_hub: of(assignment.as_ref().map(|it| &it.assigned_hub)),
            substatus: assignment.as_ref().map(|it| it.substatus.name().to_owned()),
            enrollment_group_id: outcome.as_ref().and_then(|it| it.attestation.group.clone()),
            error_code: failure.as_ref().map(|it| it.error_code),
            error_message: of(failure.as_ref().map(|it| &it.error_message)),
            payload: given(&state.payload),
            initial_twin: given(&state.initial_twin),
            created: of(outcome.as_ref().map(|it| &it.created_date_time_utc)),
            last_updated: of(outcome.as_ref().map(|it| &it.last_updated_date_time_utc)),
            etag: of(outcome.as_ref().map(|it| &it.etag)),
        }
    }
}
