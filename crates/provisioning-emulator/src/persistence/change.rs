//! The changes that are persisted, as lines of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{enrollment::EnrollmentRef, registration::SavedRegistration};

/// One line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    /// An enrollment as the configuration has it, to find out at the next start whether it has changed there.
    Configured(SavedEnrollment),
    Enrolled(SavedEnrollment),
    Unenrolled(EnrollmentRef),
    /// These enrollments replace all others.
    Restored(Vec<SavedEnrollment>),
    Registered(Box<SavedRegistration>),
    /// A registration was deleted; the id is in lower case.
    Unregistered(String),
    /// All registrations were deleted.
    Cleared,
}

/// An enrollment with its keys, its etag and its times.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedEnrollment {
    pub(crate) of: EnrollmentRef,
    /// As the REST API has it.
    pub(crate) body: Value,
}

impl std::fmt::Debug for SavedEnrollment {
    /// Without keys.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SavedEnrollment")
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}
