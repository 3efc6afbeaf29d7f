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

use std::{
    ffi::OsString,
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};

use crate::{
    commands::Dps,
    input::words::without_secrets,
    output::{failure::Failure, kind::Kind, outcome::report_failure},
};

fn main() -> ExitCode {
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
    let is_success = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_success {
        // If the reader closed its end, the exit code still says how the command ended.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = without_secrets(&error.render().to_string(), words);
    if json {
        return report_failure(&Failure::from_clap(&text), true);
    }
    let _ = write!(stderr(), "{text}");
    ExitCode::from(Kind::Usage.exit_code())
}
