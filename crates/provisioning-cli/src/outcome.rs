//! How it ended: the exit code, and the answer for people or for programs.

use std::{
    error::Error,
    io::{Write, stderr, stdout},
    process::ExitCode,
    time::Duration,
};

use provisioning_device::{Assignment, ErrorKind, InvalidInput, RegisterError, RegistrationId, Secret};
use serde_json::{Map, Value, json};

/// The exit code of what is found before any connection.
pub(crate) const BAD_INPUT: u8 = 2;

/// A device that is assigned.
pub(crate) struct Assigned {
    registration_id: String,
    assignment: Assignment,
}

/// Why it is not.
pub(crate) struct Failure {
    code: u8,
    /// The error's members under their names in JSON; what is unknown is left out.
    members: Map<String, Value>,
}

/// Prints the outcome and returns its exit code.
pub(crate) fn report(outcome: Result<Assigned, Failure>, as_json: bool) -> ExitCode {
    // Nobody reading is fine: the exit code still tells.
    match outcome {
        Ok(assigned) => {
            let text = if as_json {
                assigned.json().to_string()
            } else {
                assigned.text()
            };
            let _ = writeln!(stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _ = if as_json {
                writeln!(stdout(), "{}", json!({"error": failure.members}))
            } else {
                writeln!(stderr(), "{}", failure.text())
            };
            ExitCode::from(failure.code)
        }
    }
}

/// Prints what was asked for, which is a secret, and returns the exit code.
pub(crate) fn print_secret(outcome: Result<Secret, Failure>) -> ExitCode {
    let printed = outcome.map(|secret| {
        let mut stdout = stdout();
        stdout.write_all(secret.expose()).and_then(|()| writeln!(stdout))
    });
    match printed {
        // Nobody reading is fine.
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => report(Err(failure), false),
    }
}

impl Assigned {
    pub(crate) fn new(registration_id: &RegistrationId, assignment: Assignment) -> Self {
        Self {
            registration_id: registration_id.to_string(),
            assignment,
        }
    }

    /// The registration state under its wire names, with the operation id beside its fields.
    fn json(&self) -> Value {
        let mut members = self.assignment.state().raw().clone();
        members.insert("status".to_owned(), "assigned".into());
        members
            .entry("registrationId")
            .or_insert_with(|| self.registration_id.clone().into());
        if let Some(operation_id) = self.assignment.operation_id() {
            members.insert("operationId".to_owned(), operation_id.into());
        }
        Value::Object(members)
    }

    fn text(&self) -> String {
        let state = self.assignment.state();
        let payload = state.payload().map(Value::to_string);
        let substatus = state.substatus();
        let rows = [
            ("registration id", Some(self.registration_id.as_str())),
            ("assigned hub", Some(self.assignment.assigned_hub())),
            ("device id", Some(self.assignment.device_id())),
            ("substatus", substatus.as_ref().map(|substatus| substatus.as_str())),
            ("payload", payload.as_deref()),
            ("operation id", self.assignment.operation_id()),
        ];
        let rows = rows
            .iter()
            .filter_map(|(name, value)| Some(format!("\n  {name:<16} {}", (*value)?)));
        "assigned".to_owned() + &rows.collect::<String>()
    }
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
                ("hint", json!("see `dps register --help`")),
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
        let kind = ErrorKind::Connect;
        let message = format!("this machine does not allow it: {}", sentence(error));
        Self::new(
            exit_code(kind),
            [("kind", json!(kind.as_str())), ("message", json!(message))],
        )
    }

    /// Members that are null are unknown, and left out.
    fn new<const N: usize>(code: u8, members: [(&str, Value); N]) -> Self {
        let known = members.into_iter().filter(|(_, value)| !value.is_null());
        Self {
            code,
            members: known.map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    fn text(&self) -> String {
        let member = |name: &str| self.members.get(name).and_then(Value::as_str);
        let mut text = format!("error: {}", member("message").unwrap_or_default());
        if let Some(hint) = member("hint") {
            text += &format!("\nhint: {hint}");
        }
        text
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

impl From<RegisterError> for Failure {
    fn from(error: RegisterError) -> Self {
        let service = error.service();
        Self::new(
            exit_code(error.kind()),
            [
                ("kind", json!(error.kind().as_str())),
                ("message", json!(sentence(&error))),
                ("phase", json!(error.phase().as_str())),
                ("status", json!(service.map(|service| service.status()))),
                ("errorCode", json!(service.and_then(|service| service.error_code()))),
                ("trackingId", json!(service.and_then(|service| service.tracking_id()))),
                ("operationId", json!(error.operation_id())),
                ("retryAfter", json!(error.retry_after().map(seconds))),
                ("retryable", json!(error.is_retryable())),
                ("hint", json!(error.hint())),
            ],
        )
    }
}

/// Whole seconds; rounded up, so that nobody comes back too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// An error and its causes in one line.
fn sentence(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |sentence, cause| {
        let cause = cause.to_string();
        // Some libraries repeat their source in their own words.
        if sentence.ends_with(&cause) {
            sentence
        } else {
            format!("{sentence}: {cause}")
        }
    })
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Input => BAD_INPUT,
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost => 4,
        ErrorKind::Timeout => 5,
        ErrorKind::Throttled | ErrorKind::Service => 6,
        ErrorKind::Cancelled => 130,
        // Refused, in one way or another.
        _ => 3,
    }
}
