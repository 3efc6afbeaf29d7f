//! `dps-emulator`: a local provisioning service for tests in any language.

use std::{error::Error, io::Write, iter::successors, process::ExitCode};

use clap::Parser;
use provisioning_emulator::{
    EmulatorError,
    cli::{Args, run},
};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run(Args::parse()).await else {
        return ExitCode::SUCCESS;
    };
    let causes = successors(error.source(), |&cause| cause.source());
    let sentence = causes.fold(error.to_string(), |sentence, cause| format!("{sentence}: {cause}"));
    // If stderr is closed, the exit code still says that it failed.
    let _ = writeln!(std::io::stderr(), "error: {sentence}");
    match error {
        EmulatorError::Config(_) | EmulatorError::ReadyFile { .. } => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
