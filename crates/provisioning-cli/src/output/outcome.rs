//! Prints the answer or the failure of a command, and returns the exit code.

use std::{
    io::{self, StdoutLock, Write, stderr, stdout},
    process::ExitCode,
};

use provisioning_device::Secret;
use serde::Serialize;

use super::failure::Failure;

/// The answer of a command. It serializes as one object.
pub(crate) trait Answer: Serialize {
    /// Lines for people, without the last line break.
    fn text(&self) -> String;

    /// A failure beside the answer. It is part of the object, and printed on standard error for people.
    fn failure(&self) -> Option<&Failure> {
        None
    }

    /// The exit code of the program.
    fn exit_code(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// Prints the outcome of a command, as JSON or for people.
pub(crate) fn report(outcome: Result<impl Answer, Failure>, json: bool) -> ExitCode {
    let printed = outcome.and_then(|answer| {
        print(|stdout| match json {
            true => Ok(serde_json::to_writer(stdout, &answer)?),
            false => write!(stdout, "{}", answer.text()),
        })?;
        if let Some(failure) = answer.failure().filter(|_| !json) {
            print_error(failure);
        }
        Ok(answer.exit_code())
    });
    printed.unwrap_or_else(|failure| report_failure(&failure, json))
}

/// Prints the secret that the command was asked for.
pub(crate) fn report_secret(outcome: Result<Secret, Failure>) -> ExitCode {
    let printed = outcome.and_then(|secret| print(|stdout| stdout.write_all(secret.expose())));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report_failure(&failure, false),
    }
}

/// Prints a failure: with `json` as an object on standard output, else on standard error.
pub(crate) fn report_failure(failure: &Failure, json: bool) -> ExitCode {
    #[derive(Serialize)]
    struct Object<'a> {
        error: &'a Failure,
    }
    let printed = json && print(|stdout| Ok(serde_json::to_writer(stdout, &Object { error: failure })?)).is_ok();
    if !printed {
        print_error(failure);
    }
    ExitCode::from(failure.kind.exit_code())
}

fn print_error(failure: &Failure) {
    // If standard error is closed, the exit code still says that the command failed.
    let _ = writeln!(stderr(), "{failure}");
}

/// Writes a line to standard output. A reader that closed its end of the pipe is not an error.
fn print(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> Result<(), Failure> {
    let mut stdout = stdout().lock();
    let written = write(&mut stdout)
        .and_then(|()| writeln!(stdout))
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::local(&error)),
        _ => Ok(()),
    }
}
