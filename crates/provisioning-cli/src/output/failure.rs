//! Why a command failed: one object for programs, lines for people.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use provisioning_device::{
    Assignment, ErrorKind, InvalidInput, RegisterError, ServiceError, TransportError, error_message,
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{kind::Kind, section::Section};

/// A failure, with its members in JSON. What is unknown is left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// Causes included.
    pub(crate) message: String,
    /// The known fields of the registration or the assignment.
    #[serde(flatten, serialize_with = "known")]
    details: Vec<(&'static str, Value)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    /// What to check first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Where `docs/troubleshooting.md` has more about it.
    #[serde(skip)]
    section: Option<Section>,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Kind>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            details: vec![],
            retryable: None,
            hint: None,
            section: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the hint with `section`, or else with the failure's own, if there is one.
    pub(crate) fn see(mut self, section: Option<Section>) -> Self {
        if let (Some(hint), Some(section)) = (&mut self.hint, section.or(self.section)) {
            *hint = format!("{hint}; see {section}");
        }
        self
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let hint = self.hint.iter().map(|hint| format!("hint: {hint}"));
        let support = self.support().map(|support| format!("support: {support}"));
        let error = [format!("error: {}", self.message)];
        error.into_iter().chain(hint).chain(support).collect()
    }

    /// What the service's support asks for, unless the message has it already.
    pub(crate) fn support(&self) -> Option<String> {
        let ids = [
            ("trackingId", "tracking id"),
            ("timestampUtc", "time"),
            ("operationId", "operation id"),
        ];
        let ids = ids.into_iter().filter_map(|(field, name)| {
            let (_, id) = self.details.iter().find(|(name, _)| *name == field)?;
            let id = id.as_str()?;
            (!self.message.contains(id)).then(|| format!("{name} {id}"))
        });
        Some(ids.collect::<Vec<_>>().join(", ")).filter(|ids| !ids.is_empty())
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
            ..Self::new(Kind::Usage, message).with_hint("run the command with --help")
        }
    }

    /// The command line cannot be parsed.
    pub(crate) fn from_clap(text: &str) -> Self {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        // The first paragraph is the message; tips may follow, and the usage.
        let mut paragraphs = text.split("\n\n");
        let message = paragraphs.next().unwrap_or_default();
        let failure = Self::usage(one_line(message.strip_prefix("error: ").unwrap_or(message)));
        match paragraphs.next().and_then(|tip| tip.trim_start().strip_prefix("tip: ")) {
            Some(tip) => failure.with_hint(format!("{}; run the command with --help", one_line(tip))),
            None => failure,
        }
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
        let service = error.service();
        let skew = service.and_then(|service| service.clock_skew(now));
        let warnings = if error.kind() == ErrorKind::Tls { warnings } else { &[] };
        let hints = warnings.iter().cloned();
        let hints = hints.chain(skew.map(|skew| format!("{skew}: set it")));
        let hints: Vec<_> = hints.chain([error.hint().to_owned()]).collect();
        Self {
            details: vec![
                ("phase", json!(error.phase().as_str())),
                ("status", json!(service.map(ServiceError::status))),
                ("errorCode", json!(service.and_then(ServiceError::error_code))),
                ("trackingId", json!(service.and_then(ServiceError::tracking_id))),
                ("timestampUtc", json!(service.and_then(ServiceError::timestamp))),
                ("operationId", json!(error.operation_id())),
                ("retryAfter", json!(error.retry_after().map(seconds_rounded_up))),
            ],
            retryable: Some(error.is_retryable()),
            section: Section::of_registration(error),
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
            details: vec![
                ("assignedHub", json!(hub)),
                ("deviceId", json!(device_id)),
                ("operationId", json!(assignment.operation_id())),
            ],
            ..Self::new(kind, message).with_hint(hint)
        }
    }
}

fn seconds_rounded_up(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// Serializes the details that are not null, in their order.
fn known<S: Serializer>(details: &[(&'static str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    let known = details.iter().filter(|(_, value)| !value.is_null());
    serializer.collect_map(known.map(|(name, value)| (name, value)))
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

#[cfg(test)]
mod tests {
    use provisioning_device::CredentialError;

    use super::*;

    fn json(failure: &Failure) -> String {
        serde_json::to_string(failure).expect("JSON")
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
            r#"{"kind":"input","message":"the device is assigned to hub.example as d, but no space","assignedHub":"hub.example","deviceId":"d","operationId":"4.op","hint":"free some"}"#
        );
    }

    #[test]
    fn unknown_members_are_left_out() {
        let failure = Failure::new(ErrorKind::Local, "no more threads");
        assert_eq!(json(&failure), r#"{"kind":"local","message":"no more threads"}"#);
        assert_eq!(failure.lines(), ["error: no more threads"]);
    }

    #[test]
    fn a_wrong_command_line_is_usage_and_not_retryable() {
        assert_eq!(
            json(&Failure::usage("--key is missing")),
            r#"{"kind":"usage","message":"--key is missing","retryable":false,"hint":"run the command with --help"}"#
        );
    }

    #[test]
    fn a_failed_registration_has_its_phase_and_what_the_service_responded() {
        let body = br#"{"errorCode":401002,"trackingId":"8ad0","timestampUtc":"2026-01-02T03:04:05Z","message":"No."}"#;
        let error = TransportError::new(ErrorKind::Unauthorized, "refused").with_hint("look");
        let error = error.with_source(ServiceError::from_body(401, body));
        let error = RegisterError::not_started(error.in_phase(provisioning_device::Phase::Register));
        // Warnings are for TLS.
        let failure = Failure::of_registration(&error, &["a warning".to_owned()], SystemTime::UNIX_EPOCH);
        let hint = failure.hint.as_deref().unwrap_or_default();
        let expected = r#"{"kind":"unauthorized","message":"refused: the service answered 401 (error code 401002): No","phase":"register","status":401,"errorCode":401002,"trackingId":"8ad0","timestampUtc":"2026-01-02T03:04:05Z","retryable":false,"hint":"#;
        assert_eq!(json(&failure), format!("{expected}{hint:?}}}"));
        let [error, hint, support] = failure.lines().try_into().expect("three lines");
        assert_eq!(
            error,
            "error: refused: the service answered 401 (error code 401002): No"
        );
        assert!(
            hint.starts_with("hint: this device's clock is ") && hint.ends_with(": set it; look"),
            "{hint}"
        );
        assert_eq!(support, "support: tracking id 8ad0, time 2026-01-02T03:04:05Z");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(seconds_rounded_up(Duration::from_secs(89)), 89);
        assert_eq!(seconds_rounded_up(Duration::from_millis(89_001)), 90);
    }

    #[cfg(not(feature = "local"))]
    #[test]
    fn a_build_without_a_local_dps_says_so_and_how_to_get_one() {
        let failure = Failure::no_local_dps("--local");
        assert_eq!((failure.kind, failure.kind.exit_code()), (Kind::Usage, 2));
        assert_eq!(
            failure.lines(),
            [
                "error: --local cannot be used: this build of dps has no local DPS",
                "hint: use a `dps` that was built with the cargo feature `local`, which is enabled by default"
            ]
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
