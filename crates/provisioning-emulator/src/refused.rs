//! Why the service does not do what it is asked for.

/// A refusal, as its answer's body says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) error_code: u32,
    pub(crate) message: String,
}
