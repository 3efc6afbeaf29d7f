//! Why a fault cannot be had as it is described.

/// What is wrong with a fault's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no fault of this name.
    #[error(
        "no fault is called `{0}`; the names are refuse, delay, withhold, close, reset, garbage, split, join, reorder, \
         duplicate, wrongRequestId, foreignRequestId, assigning, body, truncatedBody, oversizedBody"
    )]
    Name(String),
    /// The fault cannot happen at this step.
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
    /// Two parameters that exclude each other.
    #[error("`afterSent` and `afterReceived` exclude each other")]
    TwoCuts,
    /// A refusal's code that cannot be.
    #[error("`code` is {0}; at this step it is {1} to {2}")]
    Code(u16, u16, u16),
    /// A time that is negative, or longer than can be waited.
    #[error("`seconds` is {0}; a time is 0 or more seconds")]
    Seconds(String),
    /// Pieces without bytes, or a body that is too large to be made.
    #[error("`size` is {0}; here it is {1} to {2}")]
    Size(usize, usize, usize),
}
