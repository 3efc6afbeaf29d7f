//! Bulk operations on individual enrollments.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    invalid,
    reference::EnrollmentKind::Individual,
    store::{Enrollments, Precondition},
};
use crate::refusal::Refusal;

/// The largest number of enrollments in one operation.
const MAX_BULK: usize = 10;

/// The body of a call.
#[derive(Deserialize)]
struct BulkOperation {
    mode: Mode,
    enrollments: Vec<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    Create,
    Update,
    #[serde(rename = "updateIfMatchETag")]
    UpdateIfMatchEtag,
    Delete,
}

impl Enrollments {
    /// Applies an operation to each enrollment. Returns the answer, and the ids of those that were changed.
    pub(crate) fn bulk(&self, body: Value) -> Result<(Value, Vec<String>), Refusal> {
        let operation = invalid::read::<BulkOperation>(body, "The operation");
        let operation = operation.map_err(|invalid| Refusal::bad_request(format!("{invalid}.")))?;
        let count = operation.enrollments.len();
        if count > MAX_BULK {
            let message = format!("enrollments: expected {MAX_BULK} at most, not {count}.");
            return Err(Refusal::bad_request(message));
        }
        let (mut changed, mut errors) = (vec![], vec![]);
        for enrollment in operation.enrollments {
            let id = enrollment["registrationId"].as_str().unwrap_or_default().to_owned();
            match self.apply(operation.mode, &id, enrollment) {
                Ok(()) => changed.push(id),
                Err(refusal) => errors.push(json!({
                    "registrationId": id,
                    "errorCode": refusal.error_code,
                    "errorStatus": refusal.message,
                })),
            }
        }
        Ok((json!({"isSuccessful": errors.is_empty(), "errors": errors}), changed))
    }

    fn apply(&self, mode: Mode, id: &str, enrollment: Value) -> Result<(), Refusal> {
        let etag = enrollment["etag"].as_str().unwrap_or_default().to_owned();
        let precondition = match mode {
            Mode::Create => Precondition::Absent,
            Mode::Update => Precondition::Etag("*"),
            Mode::UpdateIfMatchEtag => Precondition::Etag(&etag),
            Mode::Delete => return self.delete(Individual, id, None),
        };
        if !matches!(mode, Mode::Create) {
            // An update of what does not exist is not found, rather than changed meanwhile.
            self.get(Individual, id)?;
        }
        self.put(Individual, id, enrollment, precondition).map(drop)
    }
}
