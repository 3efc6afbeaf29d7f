//! `dps-emulator`: a local provisioning service for tests in any language.

use std::{error::Error, io::Write, iter::successors, process::ExitCode};

use clap::Parser;
use provisioning_emulator::cli::{Args, run};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print(&format!("no runtime can be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(args));
    // A name of a webhook that is still being resolved does not keep the process.
    runtime.shutdown_background();
    let Err(error) = ended else {
        return ExitCode::SUCCESS;
    };
    let causes = successors(error.source(), |&cause| cause.source());
    let sentence = causes.fold(error.to_string(), |sentence, cause| format!("{sentence}: {cause}"));
    print(&sentence);
    match error.is_mistake() {
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    }
}

fn print(error: &str) {
    // If stderr is closed, the exit code still says that it failed.
    let _ = writeln!(std::io::stderr(), "error: {error}");
}
