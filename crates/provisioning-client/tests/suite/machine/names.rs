//! States, inputs and outputs of the machine by name, for its table in the documentation.

use std::time::Duration;

use provisioning_client::{Action, FailureReason, Input, Next, Outcome, RegisterError, Status};
use provisioning_types::Request;

// No wildcards: a new state, input or action does not compile until it is added here, and to the table as well.

pub(crate) fn state_name(status: Status) -> &'static str {
    match status {
        Status::Disconnected => "Disconnected",
        Status::Idle => "Idle",
        Status::Registering => "Registering",
        Status::WaitingToPoll => "WaitingToPoll",
        Status::Polling => "Polling",
        Status::Recovering => "Recovering",
        Status::Cancelling => "Cancelling",
        Status::Disconnecting => "Disconnecting",
    }
}

pub(crate) fn input_name(input: &Input) -> &'static str {
    match input {
        Input::Register => "Register",
        Input::Connection(_) => "Connection",
        Input::Response(_) => "Response",
        Input::ConnectionLost(_) => "ConnectionLost",
        Input::Tick => "Tick",
        Input::Cancel => "Cancel",
        Input::Disconnect => "Disconnect",
        Input::Abandon => "Abandon",
        Input::Closed(_) => "Closed",
    }
}

pub(crate) fn outcome_name(outcome: &Outcome) -> String {
    match outcome {
        Ok(_) => "outcome `Ok`".to_owned(),
        Err(error) => format!("outcome `Err`: {}", error_name(error)),
    }
}

pub(crate) fn next_name(next: &Next) -> Option<String> {
    Some(match next {
        Next::Continue => return None,
        Next::Start(Action::Send(Request::Register)) => "`Start(Send(Register))`".to_owned(),
        Next::Start(Action::Send(Request::Query { .. })) => "`Start(Send(Query))`".to_owned(),
        Next::Start(Action::Wait) => "`Start(Wait)`".to_owned(),
        Next::Start(Action::Abort) => "`Start(Abort)`".to_owned(),
        Next::Start(Action::Cancel) => "`Start(Cancel)`".to_owned(),
        Next::Start(Action::Disconnect) => "`Start(Disconnect)`".to_owned(),
        Next::Busy => "`Busy`".to_owned(),
        Next::Defer => "`Defer`".to_owned(),
        Next::Return(Ok(())) => "`Return(Ok)`".to_owned(),
        Next::Return(Err(error)) => format!("`Return(Err)`: {}", error.kind()),
    })
}

fn error_name(error: &RegisterError) -> String {
    let come_back = error
        .retry_after()
        .map(|wait| format!(", come back in {}", shown(wait)));
    let limit = match error.reason() {
        FailureReason::RequestTimedOut { timeout, .. } | FailureReason::RegistrationTimedOut { timeout, .. } => {
            format!(" after {}", shown(*timeout))
        }
        _ => String::new(),
    };
    format!("{}{limit}{}", error.kind(), come_back.unwrap_or_default())
}

pub(crate) fn shown(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
