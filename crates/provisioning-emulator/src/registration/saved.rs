//! A completed registration as it is persisted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    allocation::Assigned,
    operation::{Operation, Progress},
    state::{Assignment, Attestation, Failure, Outcome, RegistrationStatus, State},
};
use crate::enrollment::AttestationKind;

/// The latest completed registration of a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedRegistration {
    /// As the device wrote it.
    pub(crate) registration_id: String,
    operation_id: String,
    /// Later operations have higher numbers.
    pub(crate) number: u64,
    created: String,
    last_updated: String,
    etag: String,
    attestation: AttestationKind,
    enrollment_group_id: Option<String>,
    assignment: Option<Assignment>,
    failure: Option<Failure>,
    /// JSON text as it was given; a string, as it may have line breaks.
    payload: Option<String>,
    initial_twin: Option<String>,
    issued_certificate_chain: Option<Value>,
    /// Where the device is assigned, also if this registration failed.
    pub(super) assigned: Option<Assigned>,
    /// The id of its group in lower case.
    pub(super) group: Option<Arc<str>>,
}

impl SavedRegistration {
    /// `None` if the operation is not completed.
    pub(super) fn of(operation: &Operation, assigned: Option<&Assigned>, group: Option<&Arc<str>>) -> Option<Self> {
        let Progress::Ended(state) = &operation.progress else {
            return None;
        };
        let outcome = state.outcome.as_ref()?;
        let text = |json: &Option<Box<RawValue>>| json.as_ref().map(|json| json.get().to_owned());
        Some(Self {
            registration_id: state.registration_id.to_string(),
            operation_id: operation.id.clone(),
            number: operation.number,
            created: outcome.created_date_time_utc.clone(),
            last_updated: outcome.last_updated_date_time_utc.clone(),
            etag: outcome.etag.clone(),
            attestation: outcome.attestation.kind,
            enrollment_group_id: outcome.attestation.group.clone(),
            assignment: state.assignment.clone(),
            failure: state.failure.clone(),
            payload: text(&state.payload),
            initial_twin: text(&state.initial_twin),
            issued_certificate_chain: state.issued_certificate_chain.as_deref().cloned(),
            assigned: assigned.cloned(),
            group: group.cloned(),
        })
    }

    /// The operation, completed.
    pub(super) fn operation(self) -> Operation {
        let registration_id = Arc::<str>::from(self.registration_id);
        let status = match (&self.assignment, &self.failure) {
            (Some(_), _) => RegistrationStatus::Assigned,
            (None, Some(_)) => RegistrationStatus::Failed,
            (None, None) => RegistrationStatus::Disabled,
        };
        let json = |text: Option<String>| RawValue::from_string(text?).ok();
        let state = State {
            outcome: Some(Outcome {
                created_date_time_utc: self.created,
                last_updated_date_time_utc: self.last_updated,
                etag: self.etag,
                attestation: Attestation {
                    kind: self.attestation,
                    group: self.enrollment_group_id,
                },
            }),
            assignment: self.assignment,
            failure: self.failure,
            payload: json(self.payload),
            initial_twin: json(self.initial_twin),
            issued_certificate_chain: self.issued_certificate_chain.map(Arc::new),
            ..State::new(Arc::clone(&registration_id), status)
        };
        Operation {
            id: self.operation_id,
            number: self.number,
            registration_id,
            size: state.size(),
            progress: Progress::Ended(Arc::new(state)),
        }
    }
}
