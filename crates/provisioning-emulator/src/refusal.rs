//! Why the service refuses a request.

use crate::{faults::Step, retry_after::RetryAfter};

/// A refused request, with what the body of the answer says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error_code: u32,
    pub(crate) message: String,
    pub(crate) retry_after: RetryAfter,
}

impl Refusal {
    pub(crate) fn new(status: u16, error_code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            error_code,
            message: message.into(),
            retry_after: RetryAfter::Absent,
        }
    }

    /// The request is malformed.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, 400_004, message)
    }

    /// There are too many requests; they are served again after these seconds.
    pub(crate) fn throttled(seconds: u64, message: impl Into<String>) -> Self {
        Self {
            retry_after: RetryAfter::Seconds(seconds),
            ..Self::new(429, 429_001, message)
        }
    }

    /// A fault at this step refuses the request with this status.
    pub(crate) fn by_fault(status: u16, step: Step) -> Self {
        let message = format!("Refused by the fault `refuse` at `{}`.", step.name());
        Self::new(status, u32::from(status) * 1000, message)
    }

    /// The etag of the request is not the current one.
    pub(crate) fn etag_mismatch() -> Self {
        Self::new(412, 412_001, "The etag does not match the current one.")
    }
}
