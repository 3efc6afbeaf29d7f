//! Prints the answer or the failure of a command, and returns the exit code.

use std::process::ExitCode;

use serde::Serialize;

use super::{console, failure::Failure};

/// The answer of a command. It serializes as one object.
pub(crate) trait Answer: Serialize {
    /// Lines for people.
    fn lines(&self) -> Vec<String>;

    /// A failure beside the answer. It is part of the object, and printed on standard error for people.
    fn failure(&self) -> Option<&Failure> {
        None
    }

    /// The exit code of the program.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// Prints the outcome of a command, as JSON or for people.
pub(crate) fn report(outcome: Result<impl Answer, Failure>, json: bool) -> ExitCode {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => return report_failure(&failure, json),
    };
    let printed = match json {
        true => console::print_json(&answer),
        false => console::print(answer.lines()),
    };
    finish(printed, answer.failure(), json, answer.exit_code())
}

/// Prints a failure: with `json` as an object on standard output, else on standard error.
pub(crate) fn report_failure(failure: &Failure, json: bool) -> ExitCode {
    #[derive(Serialize)]
    struct Object<'a> {
        error: &'a Failure,
    }
    let printed = match json {
        true => console::print_json(&Object { error: failure }),
        false => Ok(()),
    };
    finish(printed, Some(failure), json, failure.kind.exit_code())
}

/// Prints on standard error what standard output does not have. The exit code is `code`, unless output was lost.
fn finish(printed: Result<(), Failure>, failure: Option<&Failure>, json: bool, code: u8) -> ExitCode {
    let lost = printed.err();
    let failure = failure.filter(|_| !json || lost.is_some());
    let lines = failure.into_iter().chain(&lost).flat_map(Failure::lines);
    lines.for_each(|line| console::print_error(&line));
    ExitCode::from(lost.map_or(code, |lost| lost.kind.exit_code()))
}
