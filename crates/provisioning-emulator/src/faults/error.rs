//! Why a fault is invalid.

/// The description of a fault is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no fault of this name.
    #[error(
        "no fault is called `{0}`; the names are refuse, delay, withhold, close, reset, garbage, split, join, reorder, \
         duplicate, wrongRequestId, foreignRequestId, assigning, body, truncatedBody, oversizedBody, error, polls, \
         fail, disable, issue"
    )]
    Name(String),
    /// The fault does not exist at this step.
    #[error("the fault `{name}` cannot happen at the step `{step}`")]
    Step {
        /// The fault's name.
        name: &'static str,
        /// The step.
        step: &'static str,
    },
    /// A parameter belongs to another fault or another step.
    #[error("`{0}` has no meaning for the fault or step `{1}`")]
    Parameter(&'static str, &'static str),
    /// A parameter is missing.
    #[error("the fault `{1}` needs `{0}`")]
    Missing(&'static str, &'static str),
    /// Two parameters exclude each other.
    #[error("`afterSent` and `afterReceived` exclude each other")]
    TwoCuts,
    /// The code of a refusal is out of range.
    #[error("`code` is {0}; at this step it is {1} to {2}")]
    Code(u16, u16, u16),
    /// A time is negative, or too long.
    #[error("`seconds` is {0}; a time is 0 or more seconds")]
    Seconds(String),
    /// The size of a piece or a body is out of range.
    #[error("`size` is {0}; here it is {1} to {2}")]
    Size(usize, usize, usize),
    /// A `retry-after` that must be a number is text.
    #[error("`retryAfter` is {0:?}; at this step it is a number of seconds")]
    RetryAfter(String),
}
