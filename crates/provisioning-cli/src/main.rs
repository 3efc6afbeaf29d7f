//! `dps`: registers a device with Azure IoT Hub Device Provisioning Service (DPS), for people and for scripts.
//!
//! ```console
//! $ dps register --local
//! $ dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key --store device.json
//! ```
//!
//! It is the command line of `provisioning-device`: the answer is on standard output, as text or with `--json` as one
//! object; progress is on standard error; the exit code is the kind of the failure. `dps register --help` lists the
//! codes.
//!
//! # Features
//! - `local` (default): a local DPS, for `dps register --local` and `dps emulator`. Production builds leave it out.
//!
//! # Limits
//! This is a program: there is no library in this package.

mod commands;
mod input;
mod output;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, error::ErrorKind};

use crate::{
    commands::Dps,
    input::redaction::without_secrets,
    output::{console, failure::Failure, kind::Kind, outcome::report_failure},
};

fn main() -> ExitCode {
    survive_the_file_size_limit();
    let words: Vec<OsString> = std::env::args_os().collect();
    // clap stops at the first wrong flag, which may come before this one.
    let json = words.iter().any(|word| word == "--json");
    match Dps::try_parse_from(&words) {
        Ok(dps) => dps.run(json),
        Err(error) => print_help_or_error(&error, &words, json),
    }
}

/// Help and version are errors for clap, and successes for the caller.
fn print_help_or_error(error: &clap::Error, words: &[OsString], json: bool) -> ExitCode {
    let text = without_secrets(&error.render().to_string(), words);
    let lines = text.lines();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match console::print(lines) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => report_failure(&failure, false),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            lines.for_each(console::print_error);
            ExitCode::from(Kind::Usage.exit_code())
        }
        _ => report_failure(&Failure::from_clap(&text), json),
    }
}

/// Without a handler, the signal ends the program when it writes beyond the largest size of a file (`ulimit -f`). With
/// one, the write fails.
fn survive_the_file_size_limit() {
    #[cfg(unix)]
    {
        use std::sync::atomic::AtomicBool;
        static IS_REACHED: AtomicBool = AtomicBool::new(false);
        // A failure leaves the signal as it is.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, &IS_REACHED);
    }
}
