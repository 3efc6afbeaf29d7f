//! Why a registration failed.

use std::{error::Error, fmt, time::Duration};

use provisioning_types::{Assignment, ErrorKind, Phase, ServiceError, TransportError};

/// What a registration comes to.
pub type Outcome = Result<Assignment, RegisterError>;

/// A failed registration: the reason, the step, and the operation.
#[derive(Debug, Clone)]
pub struct RegisterError(Box<Failure>);

#[derive(Debug, Clone)]
struct Failure {
    reason: FailureReason,
    phase: Phase,
    operation_id: Option<String>,
}

/// Why a registration failed, named for whose fault it is.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// The caller asked for a second registration while one is in progress. Wait for that one, or cancel it.
    #[doc(alias = "InvalidOperationError")]
    #[error("a registration is in progress already")]
    InvalidOperation,

    /// The caller cancelled, disconnected, or dropped the call.
    #[doc(alias = "OperationCancelledError")]
    #[error("the registration was cancelled")]
    OperationCancelled,

    /// The transport failed: no connection, a lost one, or a request that the service refused.
    #[error(transparent)]
    Transport(TransportError),

    /// The service ended the registration as failed; its message says why.
    #[doc(alias = "ProvisioningRegistrationFailedError")]
    #[error("the service ended the registration as failed")]
    RegistrationFailed(#[source] ServiceError),

    /// The enrollment is disabled. Enable it.
    #[error("the enrollment is disabled")]
    Disabled(#[source] ServiceError),

    /// The response has a status that this version does not know.
    #[doc(alias = "SyntaxError")]
    #[error("the service answered with the unknown status {status:?}")]
    UnexpectedStatus {
        /// The status as it arrived.
        status: String,
        /// The whole response.
        source: ServiceError,
    },

    /// The response lacks a required field.
    #[error("the answer lacks {missing}")]
    UnexpectedResponse {
        /// What is missing, or of the wrong type.
        missing: &'static str,
        /// The whole response.
        source: ServiceError,
    },

    /// The service kept responding with 429, or asked to wait past the timeout. Register again, not before
    /// `retry_after`.
    #[error("the service is throttling{}", retry_in(*retry_after))]
    Throttled {
        /// When to retry, counted from the failure.
        retry_after: Option<Duration>,
        /// The last response.
        source: ServiceError,
    },

    /// The service kept responding with a status above 429, or asked to wait past the timeout. Register again, not
    /// before `retry_after`.
    #[error("the service is not available{}", retry_in(*retry_after))]
    ServiceUnavailable {
        /// When to retry, counted from the failure.
        retry_after: Option<Duration>,
        /// The last response.
        source: ServiceError,
    },

    /// A timeout expired, or the service asked to wait past it. Register again, or allow more time.
    #[error("no assignment within {}{}", seconds(*limit), retry_in(*retry_after))]
    TimedOut {
        /// The timeout: the operation's or the registration's.
        limit: Duration,
        /// When to retry, counted from the failure, if the service said so.
        retry_after: Option<Duration>,
    },
}

fn retry_in(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; retry in {}", seconds(wait)))
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

impl RegisterError {
    pub(crate) fn new(reason: FailureReason, phase: Phase, operation_id: Option<String>) -> Self {
        Self(Box::new(Failure {
            reason,
            phase,
            operation_id,
        }))
    }

    /// The error of a second registration while the first is in progress.
    pub fn invalid_operation() -> Self {
        Self::new(FailureReason::InvalidOperation, Phase::Register, None)
    }

    /// The reason.
    pub fn reason(&self) -> &FailureReason {
        &self.0.reason
    }

    /// The kind of failure, as one word.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.reason {
            FailureReason::InvalidOperation => ErrorKind::InvalidOperation,
            FailureReason::OperationCancelled => ErrorKind::Cancelled,
            FailureReason::Transport(error) => error.kind(),
            FailureReason::RegistrationFailed(_) => ErrorKind::Failed,
            FailureReason::Disabled(_) => ErrorKind::Disabled,
            FailureReason::UnexpectedStatus { .. } | FailureReason::UnexpectedResponse { .. } => {
                ErrorKind::UnexpectedResponse
            }
            FailureReason::Throttled { .. } => ErrorKind::Throttled,
            FailureReason::ServiceUnavailable { .. } => ErrorKind::Service,
            FailureReason::TimedOut { .. } => ErrorKind::Timeout,
        }
    }

    /// The step at which it failed.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// The operation, once the service has named one.
    pub fn operation_id(&self) -> Option<&str> {
        self.0.operation_id.as_deref()
    }

    /// The service's response, when it is the service that failed the registration.
    pub fn service(&self) -> Option<&ServiceError> {
        match &self.0.reason {
            FailureReason::Transport(error) => error.service(),
            FailureReason::RegistrationFailed(source)
            | FailureReason::Disabled(source)
            | FailureReason::UnexpectedStatus { source, .. }
            | FailureReason::UnexpectedResponse { source, .. }
            | FailureReason::Throttled { source, .. }
            | FailureReason::ServiceUnavailable { source, .. } => Some(source),
            FailureReason::InvalidOperation | FailureReason::OperationCancelled | FailureReason::TimedOut { .. } => {
                None
            }
        }
    }

    /// How long the service asks to wait before the next registration, counted from the failure.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.reason {
            FailureReason::Throttled { retry_after, .. }
            | FailureReason::ServiceUnavailable { retry_after, .. }
            | FailureReason::TimedOut { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same registration may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// What to check first, in one sentence.
    pub fn hint(&self) -> &str {
        let by_code = || self.service()?.code()?.hint();
        match self.reason() {
            FailureReason::Transport(error) => error.hint(),
            _ => by_code().unwrap_or_else(|| self.kind().hint()),
        }
    }
}

impl From<TransportError> for RegisterError {
    /// A transport's failure before any operation, at the step that it names, or else while connecting.
    fn from(error: TransportError) -> Self {
        let phase = error.phase().unwrap_or(Phase::Connect);
        Self::new(FailureReason::Transport(error), phase, None)
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.reason.fmt(f)
    }
}

impl Error for RegisterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.reason.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_when_to_retry_and_never_repeats_its_source() {
        let source = ServiceError::from_body(429, b"");
        let reason = FailureReason::Throttled {
            retry_after: Some(Duration::from_secs(90)),
            source,
        };
        let error = RegisterError::new(reason, Phase::Register, None);
        assert_eq!(error.to_string(), "the service is throttling; retry in 90 s");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("the service answered 429 with an empty body")
        );
    }

    #[test]
    fn a_transports_failure_speaks_for_itself() {
        let transport = TransportError::new(ErrorKind::Connect, "no route").with_source("inner");
        let error = RegisterError::new(FailureReason::Transport(transport), Phase::Connect, None);
        assert_eq!(error.to_string(), "no route");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("inner"));
    }
}
