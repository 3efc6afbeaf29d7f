//! Why the service does not do what it is asked for.

/// A refusal, as its answer's body says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) error_code: u32,
    pub(crate) message: String,
}

/// The etag that a call names is not, or no longer, the right one.
pub(crate) fn changed_meanwhile() -> Refused {
    Refused {
        status: 412,
        error_code: 412_001,
        message: "The etag does not fit.".to_owned(),
    }
}
