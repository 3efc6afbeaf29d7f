//! Answers to requests that are not refused.

use bytes::Bytes;
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
    pub(crate) body: Bytes,
    /// The outcome of the registration, in words, if this answer is the first that has it.
    pub(crate) outcome: Option<String>,
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
        Self::new(200, RetryAfter::Absent, None, state, state.size())
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
        let size = registration_state.map_or(0, State::size);
        Self::new(status, retry_after, Some(operation_id), &body, size)
    }

    /// `size` is that of what can be large in the body, in bytes.
    fn new(
        status: u16,
        retry_after: RetryAfter,
        operation_id: Option<&str>,
        body: &impl Serialize,
        size: usize,
    ) -> Self {
        // Without the capacity, a large body takes twice its size.
        let mut text = Vec::with_capacity(size + 1024);
        // JSON with text as keys can always be written.
        let _ = serde_json::to_writer(&mut text, body);
        Self {
            status,
            retry_after,
            operation_id: operation_id.map(str::to_owned),
            body: text.into(),
            outcome: None,
        }
    }
}
