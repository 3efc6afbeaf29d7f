//! How it ended: the exit code, and the answer for people or for programs.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use provisioning_device::{Assignment, RegistrationId, Secret};
use serde_json::Value;

use crate::failure::Failure;

/// What a command was asked for.
pub(crate) trait Answer {
    /// One object, for programs.
    fn json(&self) -> Value;

    /// Lines, for people.
    fn text(&self) -> String;

    /// How the program ends.
    fn exit_code(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// A device that is assigned.
pub(crate) struct Assigned {
    registration_id: String,
    assignment: Assignment,
}

/// Prints the outcome and returns its exit code.
pub(crate) fn report<A: Answer>(outcome: Result<A, Failure>, as_json: bool) -> ExitCode {
    // Nobody reading is fine: the exit code still tells.
    match outcome {
        Ok(answer) => {
            let text = if as_json {
                answer.json().to_string()
            } else {
                answer.text()
            };
            let _ = writeln!(stdout(), "{text}");
            answer.exit_code()
        }
        Err(failure) => {
            let _ = if as_json {
                writeln!(stdout(), "{}", failure.json())
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
        Err(failure) => report::<Assigned>(Err(failure), false),
    }
}

impl Assigned {
    pub(crate) fn new(registration_id: &RegistrationId, assignment: Assignment) -> Self {
        Self {
            registration_id: registration_id.to_string(),
            assignment,
        }
    }
}

impl Answer for Assigned {
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
