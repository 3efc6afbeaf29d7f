//! Answers to requests that are not refused.

use serde::Serialize;

use super::state::{RegistrationStatus, State};
use crate::retry_after::RetryAfter;

/// The answer to a request that is not refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: RetryAfter,
    /// `None` if it is about no operation.
    pub(crate) operation_id: Option<String>,
    /// JSON.
    pub(crate) body: String,
}

/// The body of an answer about an operation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationBody<'a> {
    operation_id: &'a str,
    status: RegistrationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_state: Option<&'a State>,
}

impl Answer {
    /// An answer whose body is the state of a registration.
    pub(super) fn with_state(state: &State) -> Self {
        Self::new(200, RetryAfter::Absent, None, state)
    }

    /// An answer about an operation, which has this status.
    pub(super) fn about_operation(
        status: u16,
        retry_after: RetryAfter,
        operation_id: &str,
        operation_status: RegistrationStatus,
        registration_state: Option<&State>,
    ) -> Self {
        let body = OperationBody {
            operation_id,
            status: operation_status,
            registration_state,
        };
        Self::new(status, retry_after, Some(operation_id), &body)
    }

    fn new(status: u16, retry_after: RetryAfter, operation_id: Option<&str>, body: &impl Serialize) -> Self {
        Self {
            status,
            retry_after,
            operation_id: operation_id.map(str::to_owned),
            // JSON with text as keys can always be written.
            body: serde_json::to_string(body).unwrap_or_default(),
        }
    }
}
