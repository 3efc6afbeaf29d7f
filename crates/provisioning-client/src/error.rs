//! Why a registration failed.

use std::{error::Error, fmt, time::Duration};

use provisioning_types::{
    Assignment, ErrorCode, ErrorKind, Phase, ServiceError, TransportError, Waiting, error_message,
};
use serde::{Serialize, Serializer};

/// What a registration comes to.
pub type Outcome = Result<Assignment, RegisterError>;

/// A failed registration: the reason, the step, and the operation.
#[derive(Clone, PartialEq)]
pub struct RegisterError(Box<Failure>);

#[derive(Clone, PartialEq)]
struct Failure {
    reason: FailureReason,
    phase: Phase,
    operation_id: Option<String>,
}

/// Why a registration failed, named for whose fault it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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

    /// The service ended the registration as failed; its message says why. Some failures pass:
    /// [`RegisterError::is_retryable`] says which.
    #[doc(alias = "ProvisioningRegistrationFailedError")]
    #[error("the service ended the registration as failed{}", passing(_0))]
    RegistrationFailed(#[source] ServiceError),

    /// The enrollment is disabled. Enable it.
    #[error("the enrollment is disabled")]
    Disabled(#[source] ServiceError),

    /// The response has a status that this version does not know.
    #[doc(alias = "SyntaxError")]
    #[error("the service answered with the unknown status {status:?}")]
    #[non_exhaustive]
    UnexpectedStatus {
        /// The status as it arrived.
        status: String,
        /// The whole response.
        source: ServiceError,
    },

    /// The response lacks a required field.
    #[error("the answer lacks {missing}")]
    #[non_exhaustive]
    UnexpectedResponse {
        /// What is missing, or of the wrong type.
        missing: &'static str,
        /// The whole response.
        source: ServiceError,
    },

    /// The service kept responding with 429, or asked to wait past the timeout. Register again, not before
    /// `retry_after`.
    #[error("the service is throttling{}", retry_in(*retry_after))]
    #[non_exhaustive]
    Throttled {
        /// When to retry, counted from the failure.
        retry_after: Option<Duration>,
        /// The last response.
        source: ServiceError,
    },

    /// The service kept responding with a status above 429, or asked to wait past the timeout. Register again, not
    /// before `retry_after`.
    #[error("the service is not available{}", retry_in(*retry_after))]
    #[non_exhaustive]
    ServiceUnavailable {
        /// When to retry, counted from the failure.
        retry_after: Option<Duration>,
        /// The last response.
        source: ServiceError,
    },

    /// The service kept responding that the same registration id is registering twice at the same time (409 with error
    /// code 409203), or asked to wait past the timeout. End the other registration, or register again, not before
    /// `retry_after`.
    #[error("this registration id is registering twice at the same time{}", retry_in(*retry_after))]
    #[non_exhaustive]
    SimultaneousRegistration {
        /// When to retry, counted from the failure.
        retry_after: Option<Duration>,
        /// The last response.
        source: ServiceError,
    },

    /// No response to a request arrived within the operation's timeout. Check the network where the message says.
    #[error("no {} within {}, the limit of one request", missing(waiting.as_ref()), seconds(*timeout))]
    #[non_exhaustive]
    RequestTimedOut {
        /// The operation's timeout.
        timeout: Duration,
        /// What the request waited for, as far as the transport has said.
        waiting: Option<Waiting>,
    },

    /// The registration's timeout expired, or the service asked to wait past it. Register again; allow more time if the
    /// operation is still being assigned.
    #[error("{}", registration_timed_out(*timeout, *retry_after, waiting.as_ref(), assigning.as_deref(), *elapsed))]
    #[non_exhaustive]
    RegistrationTimedOut {
        /// The registration's timeout.
        timeout: Duration,
        /// When to retry, counted from the failure, if the service said so.
        retry_after: Option<Duration>,
        /// What the request in flight waited for; `None` without one, or if the transport has not said.
        waiting: Option<Waiting>,
        /// The operation, if the service kept answering that the device is being assigned.
        assigning: Option<String>,
        /// How long the registration took.
        elapsed: Duration,
        /// Whether a TCP connection has stood. Without one, the failure is one to connect, unless the device's own key
        /// was waited for.
        is_reached: bool,
    },
}

fn passing(source: &ServiceError) -> &'static str {
    if source.is_transient() {
        ", for a reason that may pass"
    } else {
        ""
    }
}

fn missing(waiting: Option<&Waiting>) -> String {
    waiting.map_or_else(|| "response".to_owned(), Waiting::to_string)
}

fn registration_timed_out(
    timeout: Duration,
    retry_after: Option<Duration>,
    waiting: Option<&Waiting>,
    assigning: Option<&str>,
    elapsed: Duration,
) -> String {
    let (timeout, retry_in) = (seconds(timeout), retry_in(retry_after));
    match (waiting, assigning) {
        (Some(waiting), _) => {
            format!("no assignment within {timeout}, the limit of the whole registration: no {waiting}{retry_in}")
        }
        (None, Some(operation_id)) => {
            let elapsed = seconds(Duration::from_secs(elapsed.as_secs()));
            format!(
                "the operation {operation_id} is still being assigned after {elapsed}, and the limit of the whole \
                 registration is {timeout}{retry_in}"
            )
        }
        (None, None) => format!("no assignment within {timeout}, the limit of the whole registration{retry_in}"),
    }
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

    /// The error of a registration that could not be started, at the step that `error` names, or else while connecting.
    pub fn not_started(error: TransportError) -> Self {
        let phase = error.phase().unwrap_or(Phase::Connect);
        Self::new(FailureReason::Transport(error), phase, None)
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
            FailureReason::SimultaneousRegistration { .. } => ErrorKind::Conflict,
            FailureReason::RequestTimedOut {
                waiting: Some(waiting), ..
            }
            | FailureReason::RegistrationTimedOut {
                is_reached: false,
                waiting: Some(waiting),
                ..
            } => waiting.step.limit_kind(),
            FailureReason::RegistrationTimedOut { is_reached: false, .. } => ErrorKind::Connect,
            FailureReason::RequestTimedOut { .. } | FailureReason::RegistrationTimedOut { .. } => ErrorKind::Timeout,
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
            | FailureReason::ServiceUnavailable { source, .. }
            | FailureReason::SimultaneousRegistration { source, .. } => Some(source),
            FailureReason::InvalidOperation
            | FailureReason::OperationCancelled
            | FailureReason::RequestTimedOut { .. }
            | FailureReason::RegistrationTimedOut { .. } => None,
        }
    }

    /// How long the service asks to wait before the next registration, counted from the failure.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.reason {
            FailureReason::Throttled { retry_after, .. }
            | FailureReason::ServiceUnavailable { retry_after, .. }
            | FailureReason::SimultaneousRegistration { retry_after, .. }
            | FailureReason::RegistrationTimedOut { retry_after, .. } => *retry_after,
            _ => self.service().and_then(ServiceError::retry_after),
        }
    }

    /// Whether the same registration may succeed later without anything being changed: as the transport knows it, or
    /// else by the service's code, or by the kind.
    pub fn is_retryable(&self) -> bool {
        match self.reason() {
            FailureReason::Transport(error) => error.is_retryable(),
            FailureReason::RegistrationFailed(source) | FailureReason::SimultaneousRegistration { source, .. } => {
                source.is_transient()
            }
            _ => self.kind().is_retryable(),
        }
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

impl fmt::Debug for RegisterError {
    /// The message, its causes and the hint: what `main` shows of an error that it returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, phase, hint) = (self.kind(), self.phase(), self.hint());
        write!(f, "{} (kind {kind}, phase {phase}, hint: {hint})", error_message(self))
    }
}

impl Serialize for RegisterError {
    /// An object with `kind`, `message` (causes included), `phase`, `status`, `errorCode`, `trackingId`, `operationId`,
    /// `retryAfter` (whole seconds, rounded up), `retryable` and `hint`. What is unknown is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Members<'a> {
            kind: &'static str,
            message: String,
            phase: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            status: Option<u16>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error_code: Option<ErrorCode>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tracking_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            operation_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after: Option<u64>,
            retryable: bool,
            hint: &'a str,
        }
        let service = self.service();
        let whole = |wait: Duration| wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let members = Members {
            kind: self.kind().as_str(),
            message: error_message(self),
            phase: self.phase().as_str(),
            status: service.map(ServiceError::status),
            error_code: service.and_then(ServiceError::error_code),
            tracking_id: service.and_then(ServiceError::tracking_id),
            operation_id: self.operation_id(),
            retry_after: self.retry_after().map(whole),
            retryable: self.is_retryable(),
            hint: self.hint(),
        };
        members.serialize(serializer)
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
    fn debug_shows_the_message_its_causes_and_what_to_do() {
        let source = ServiceError::from_body(200, br#"{"message":"No hub."}"#);
        let error = RegisterError::new(FailureReason::RegistrationFailed(source), Phase::Poll, None);
        assert_eq!(
            format!("{error:?}"),
            "the service ended the registration as failed: the service answered 200: No hub (kind failed, phase poll, \
             hint: look at the enrollment's allocation: hubs, policy, webhook)"
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
