//! Why a device is not assigned, for people and for programs.

use std::error::Error;

use provisioning_device::{Assignment, ErrorKind, InvalidInput, RegisterError, TransportError, error_message};
use serde_json::{Map, Value, json};

/// The exit code of what is found before any connection.
pub(crate) const BAD_INPUT: u8 = 2;

/// An error, with its exit code.
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// The error's members under their names in JSON; what is unknown is left out.
    members: Map<String, Value>,
}

impl Failure {
    /// The words of the command line cannot be used.
    pub(crate) fn usage(message: String) -> Self {
        Self::new(
            BAD_INPUT,
            [
                ("kind", json!("usage")),
                ("message", json!(message)),
                ("retryable", json!(false)),
                ("hint", json!("see --help after the command")),
            ],
        )
    }

    /// The words of the command line cannot be parsed.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // clap's first paragraph says what is wrong, the rest repeats the usage.
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Self::usage(message.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// This machine does not give what is needed.
    pub(crate) fn local(error: &dyn Error) -> Self {
        let kind = ErrorKind::Local;
        let message = format!("this machine does not allow it: {}", error_message(error));
        Self::new(
            exit_code(kind),
            [("kind", json!(kind.as_str())), ("message", json!(message))],
        )
    }

    /// What was found out without asking for a registration.
    pub(crate) fn found(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(
            exit_code(kind),
            [
                ("kind", json!(kind.as_str())),
                ("message", json!(message.into())),
                ("hint", json!(hint.into())),
            ],
        )
    }

    /// The device is assigned, and something else is wrong: nothing of the assignment is lost.
    pub(crate) fn although_assigned(assignment: &Assignment, kind: ErrorKind, error: &dyn Error, hint: &str) -> Self {
        let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
        let message = format!(
            "the device is assigned to {hub} as {device_id}, but {}",
            error_message(error)
        );
        let mut failure = Self::found(kind, message, hint);
        let known = [
            ("assignedHub", Some(hub)),
            ("deviceId", Some(device_id)),
            ("operationId", assignment.operation_id()),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                failure.members.insert(name.to_owned(), value.into());
            }
        }
        failure
    }

    /// Puts what is known on this side before the hint.
    pub(crate) fn with_remarks(mut self, remarks: &[String]) -> Self {
        let hint = self.member("hint").map(str::to_owned);
        let hint: Vec<_> = remarks.iter().cloned().chain(hint).collect();
        if !hint.is_empty() {
            self.members.insert("hint".to_owned(), hint.join("; ").into());
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({"error": self.members})
    }

    /// Members that are null are unknown, and left out.
    fn new<const N: usize>(code: u8, members: [(&str, Value); N]) -> Self {
        let known = members.into_iter().filter(|(_, value)| !value.is_null());
        Self {
            code,
            members: known.map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}", self.member("message").unwrap_or_default());
        if let Some(hint) = self.member("hint") {
            text += &format!("\nhint: {hint}");
        }
        text
    }

    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

impl From<InvalidInput> for Failure {
    fn from(error: InvalidInput) -> Self {
        let kind = ErrorKind::Input;
        Self::new(
            exit_code(kind),
            [
                ("kind", json!(kind.as_str())),
                ("message", json!(error.to_string())),
                ("retryable", json!(kind.is_retryable())),
                ("hint", json!(kind.hint())),
            ],
        )
    }
}

impl From<&TransportError> for Failure {
    fn from(error: &TransportError) -> Self {
        Self::found(error.kind(), error_message(error), error.hint())
    }
}

impl From<RegisterError> for Failure {
    fn from(error: RegisterError) -> Self {
        let members = match serde_json::to_value(&error) {
            Ok(Value::Object(members)) => members,
            // It is an object of texts, numbers and truth values.
            _ => Map::new(),
        };
        Self {
            code: exit_code(error.kind()),
            members,
        }
    }
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Local => 1,
        ErrorKind::Input => BAD_INPUT,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost => 4,
        ErrorKind::Timeout => 5,
        ErrorKind::Throttled | ErrorKind::Service => 6,
        ErrorKind::Cancelled => 130,
        // Refused, in one way or another.
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use provisioning_device::CredentialError;

    use super::*;

    #[test]
    fn what_fails_on_this_machine_is_local_and_exits_with_1() {
        let failure = Failure::local(&std::io::Error::other("no more threads"));
        assert_eq!((failure.code, failure.member("kind")), (1, Some("local")));
        let transport = TransportError::from(CredentialError::unavailable("the HSM is busy"));
        let failure = Failure::from(&transport);
        assert_eq!((failure.code, failure.member("kind")), (1, Some("local")));
        assert_eq!(
            failure.member("message"),
            Some("the device's key or credential is not available: the HSM is busy")
        );
    }
}
