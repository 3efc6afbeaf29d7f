//! `dps`: registers a device with Azure IoT Hub Device Provisioning Service (DPS), for people and for scripts.
//!
//! ```console
//! $ dps register --local
//! $ dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key --store device.json
//! ```
//!
//! It is `provisioning-device` behind a command line: arguments in; the answer on standard output, as text or with
//! `--json` as one object; what happens on standard error; and an exit code that says what kind of failure it was. `dps
//! register --help` has the codes.
//!
//! # Features
//! - `local` (default): `--local`, with a local DPS in the process.
//!
//! # Limits
//! This is a program: there is no library in this package.

mod advice;
mod args;
mod credential;
mod destination;
mod doctor;
mod failure;
mod given;
mod hub;
mod inputs;
mod interrupt;
mod issuance;
mod keeper;
mod keys;
#[cfg_attr(not(feature = "local"), path = "local_absent.rs")]
mod local;
mod logging;
mod options;
mod outcome;
mod progress;
mod register;
mod registration;
mod store;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, error::ErrorKind as ClapErrorKind};

use crate::{
    args::{Command, Dps},
    failure::Failure,
    outcome::Assigned,
};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    // Looked for by hand: words that clap cannot parse may hold it too.
    let json = words.iter().any(|word| word == "--json");
    let Dps { command } = match Dps::try_parse_from(words) {
        Ok(dps) => dps,
        Err(error) if is_answer(&error) => {
            // Nobody reading the help is fine.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) if json => return outcome::report::<Assigned>(Err(Failure::from_clap(&error)), true),
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(failure::BAD_INPUT);
        }
    };
    match command {
        Command::Register(args) => outcome::report(register::run(&args), json),
        Command::Doctor(args) => outcome::report(doctor::run(&args), json),
        Command::Hub(args) => outcome::report(hub::run(&args), json),
        Command::DeriveKey(args) => outcome::print_secret(keys::derive(&args)),
        Command::Sas(args) => outcome::print_secret(keys::token(&args)),
    }
}

/// Whether what clap calls an error is what was asked for.
fn is_answer(error: &clap::Error) -> bool {
    matches!(error.kind(), ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion)
}
