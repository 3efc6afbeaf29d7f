//! Why a command failed: one object for programs, two lines for people.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use provisioning_device::{
    Assignment, ErrorCode, ErrorKind, InvalidInput, RegisterError, ServiceError, TransportError, error_message,
};
use serde::Serialize;

use super::kind::Kind;

/// A failure, with its members in JSON. What is unknown is left out.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// Causes included.
    pub(crate) message: String,
    #[serde(flatten)]
    registration: Option<Box<FailedRegistration>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    /// What to check first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    #[serde(flatten)]
    assignment: Option<Box<ValidAssignment>>,
}

/// What is known of a failed registration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FailedRegistration {
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// The assignment that is valid despite the failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidAssignment {
    assigned_hub: String,
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Kind>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            registration: None,
            retryable: None,
            hint: None,
            assignment: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another failure, in words.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.message = format!("{}; {}", self.message, other.message);
        let hints: Vec<_> = self.hint.into_iter().chain(other.hint).collect();
        self.hint = (!hints.is_empty()).then(|| hints.join("; "));
        self
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            retryable: Some(false),
            ..Self::new(Kind::Usage, message).with_hint("see --help after the command")
        }
    }

    /// The command line cannot be parsed.
    pub(crate) fn from_clap(text: &str) -> Self {
        // The first paragraph is the message, the rest is the usage.
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Self::usage(message.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The command needs the cargo feature `local`, which this build does not have.
    #[cfg(not(feature = "local"))]
    pub(crate) fn no_local_dps(given: &str) -> Self {
        let hint = "use a `dps` that was built with the cargo feature `local`, which is enabled by default";
        Self::usage(format!("{given} cannot be used: this build of dps has no local DPS")).with_hint(hint)
    }

    /// This machine failed: it lacks a thread, a socket, a key or space.
    pub(crate) fn local(error: &dyn Error) -> Self {
        let message = format!("this machine failed: {}", error_message(error));
        Self::new(ErrorKind::Local, message)
    }

    /// A registration failed. `warnings` about the credential explain why TLS rejected it; a response that contains the
    /// service's time shows by how much this device's clock is off.
    pub(crate) fn of_registration(error: &RegisterError, warnings: &[String], now: SystemTime) -> Self {
        let skew = error.service().and_then(|service| service.clock_skew(now));
        let warnings = if error.kind() == ErrorKind::Tls { warnings } else { &[] };
        let hints = warnings.iter().cloned();
        let hints = hints.chain(skew.map(|skew| format!("{skew}: set it")));
        let hints: Vec<_> = hints.chain([error.hint().to_owned()]).collect();
        Self {
            registration: Some(Box::new(error.into())),
            retryable: Some(error.is_retryable()),
            ..Self::new(error.kind(), error_message(error)).with_hint(hints.join("; "))
        }
    }

    /// The device is assigned, and a later step failed.
    pub(crate) fn after_assignment(assignment: &Assignment, kind: ErrorKind, error: &dyn Error, hint: &str) -> Self {
        let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
        let message = format!(
            "the device is assigned to {hub} as {device_id}, but {}",
            error_message(error)
        );
        Self {
            assignment: Some(Box::new(ValidAssignment {
                assigned_hub: hub.to_owned(),
                device_id: device_id.to_owned(),
                operation_id: assignment.operation_id().map(str::to_owned),
            })),
            ..Self::new(kind, message).with_hint(hint)
        }
    }
}

fn seconds_rounded_up(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

impl From<&RegisterError> for FailedRegistration {
    fn from(error: &RegisterError) -> Self {
        let service = error.service();
        Self {
            phase: error.phase().as_str(),
            status: service.map(ServiceError::status),
            error_code: service.and_then(ServiceError::error_code),
            tracking_id: service.and_then(ServiceError::tracking_id).map(str::to_owned),
            operation_id: error.operation_id().map(str::to_owned),
            retry_after: error.retry_after().map(seconds_rounded_up),
        }
    }
}

impl From<InvalidInput> for Failure {
    fn from(error: InvalidInput) -> Self {
        let kind = ErrorKind::Input;
        Self {
            retryable: Some(kind.is_retryable()),
            ..Self::new(kind, error.to_string()).with_hint(kind.hint())
        }
    }
}

impl From<&TransportError> for Failure {
    fn from(error: &TransportError) -> Self {
        Self {
            retryable: Some(error.is_retryable()),
            ..Self::new(error.kind(), error_message(error)).with_hint(error.hint())
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use provisioning_device::CredentialError;

    use super::*;

    fn json(failure: &Failure) -> String {
        serde_json::to_string(failure).expect("JSON")
    }

    #[test]
    fn every_member_of_a_failed_registration_has_its_name_and_place_in_json() {
        let failure = Failure {
            registration: Some(Box::new(FailedRegistration {
                phase: "poll",
                status: Some(429),
                error_code: None,
                tracking_id: Some("t".to_owned()),
                operation_id: Some("4.op".to_owned()),
                retry_after: Some(seconds_rounded_up(Duration::from_millis(89_001))),
            })),
            retryable: Some(true),
            ..Failure::new(ErrorKind::Throttled, "the service is throttling").with_hint("register again later")
        };
        assert_eq!(
            json(&failure),
            r#"{"kind":"throttled","message":"the service is throttling","phase":"poll","status":429,"trackingId":"t","operationId":"4.op","retryAfter":90,"retryable":true,"hint":"register again later"}"#
        );
        assert_eq!(
            failure.to_string(),
            "error: the service is throttling\nhint: register again later"
        );
    }

    #[test]
    fn a_valid_assignment_is_beside_the_failure_in_json() {
        let assignment = serde_json::json!({"operationId": "4.op", "registrationState": {
            "registrationId": "device-1", "status": "assigned", "assignedHub": "hub.example", "deviceId": "d",
        }});
        let assignment: Assignment = serde_json::from_value(assignment).expect("an assignment");
        let error = std::io::Error::other("no space");
        assert_eq!(
            json(&Failure::after_assignment(
                &assignment,
                ErrorKind::Input,
                &error,
                "free some"
            )),
            r#"{"kind":"input","message":"the device is assigned to hub.example as d, but no space","hint":"free some","assignedHub":"hub.example","deviceId":"d","operationId":"4.op"}"#
        );
    }

    #[test]
    fn unknown_members_are_left_out() {
        let failure = Failure::new(ErrorKind::Local, "no more threads");
        assert_eq!(json(&failure), r#"{"kind":"local","message":"no more threads"}"#);
        assert_eq!(failure.to_string(), "error: no more threads");
    }

    #[test]
    fn a_wrong_command_line_is_usage_and_not_retryable() {
        assert_eq!(
            json(&Failure::usage("--key is missing")),
            r#"{"kind":"usage","message":"--key is missing","retryable":false,"hint":"see --help after the command"}"#
        );
    }

    #[test]
    fn a_failed_registration_has_its_phase_and_what_the_service_responded() {
        let body = br#"{"errorCode":401002,"trackingId":"t","message":"Invalid certificate."}"#;
        let error = TransportError::new(ErrorKind::Unauthorized, "the service refused the registration")
            .with_source(ServiceError::from_body(401, body));
        let error = RegisterError::not_started(error.in_phase(provisioning_device::Phase::Register));
        let failure = Failure::of_registration(&error, &["a warning".to_owned()], SystemTime::UNIX_EPOCH);
        let expected =
            r#""phase":"register","status":401,"errorCode":401002,"trackingId":"t","retryable":false,"hint":""#;
        assert!(json(&failure).contains(expected), "{}", json(&failure));
        assert_eq!(failure.hint.as_deref(), Some(error.hint()), "warnings are for TLS");
    }

    #[cfg(not(feature = "local"))]
    #[test]
    fn a_build_without_a_local_dps_says_so_and_how_to_get_one() {
        let failure = Failure::no_local_dps("--local");
        assert_eq!((failure.kind, failure.kind.exit_code()), (Kind::Usage, 2));
        assert_eq!(
            failure.to_string(),
            "error: --local cannot be used: this build of dps has no local DPS\nhint: use a `dps` that was built with \
             the cargo feature `local`, which is enabled by default"
        );
    }

    #[test]
    fn a_failure_of_this_machine_is_local_and_exits_with_1() {
        let failure = Failure::local(&std::io::Error::other("no more threads"));
        assert_eq!(failure.kind, ErrorKind::Local.into());
        let transport = TransportError::from(CredentialError::unavailable("the HSM is busy"));
        let failure = Failure::from(&transport);
        assert_eq!((failure.kind.exit_code(), failure.kind.as_str()), (1, "local"));
        assert_eq!(
            failure.message,
            "the device's key or credential is not available: the HSM is busy"
        );
    }
}
