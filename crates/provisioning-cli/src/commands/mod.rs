//! The commands of `dps`: one file or folder each.

mod connection;
mod derive_key;
mod doctor;
#[cfg_attr(not(feature = "local"), path = "emulator_absent.rs")]
mod emulator;
mod interrupt;
mod register;
mod runtime;
mod sas;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    input::flags::Output,
    output::{
        logging,
        outcome::{report, report_failure},
    },
};

/// Registers devices with Azure IoT Hub Device Provisioning Service (DPS).
#[derive(Debug, Parser)]
#[command(name = "dps", version, arg_required_else_help = true)]
pub(crate) struct Dps {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register a device and print the IoT hub that it is assigned to
    #[command(after_long_help = register::flags::help())]
    Register(Box<register::flags::Register>),
    /// Print MQTT connection settings for the assigned hub (includes secrets)
    #[command(alias = "hub")]
    Connection(Box<connection::Connection>),
    /// Check what a registration needs, and print how to solve each problem
    #[command(after_long_help = doctor::flags::HELP)]
    Doctor(Box<doctor::flags::Doctor>),
    /// Print the key of one device of a symmetric-key enrollment group
    ///
    /// Run it where the group's key is stored, and copy the printed key to the device: the group's key does not belong
    /// on a device.
    DeriveKey(derive_key::DeriveKey),
    /// Print a SAS token for one device's registration
    Sas(sas::Sas),
    #[command(
        about = "Run a local DPS for tests, offline",
        display_name = "dps emulator",
        after_help = emulator::examples(),
        hide = cfg!(not(feature = "local"))
    )]
    Emulator(Box<emulator::Args>),
}

impl Dps {
    /// Runs the command, prints its outcome and returns the exit code.
    pub(crate) fn run(self, json: bool) -> ExitCode {
        logging::start(self.output.verbose);
        match self.command {
            Command::Register(flags) => report(register::run(&flags.limit_reading(), self.output.verbose > 0), json),
            Command::Connection(flags) => report(connection::run(&flags), json),
            Command::Doctor(mut flags) => {
                flags.registration.limit_reading();
                report(doctor::run(&flags), json)
            }
            Command::DeriveKey(flags) => report(derive_key::run(&flags), json),
            Command::Sas(flags) => report(sas::run(&flags), json),
            Command::Emulator(args) => match emulator::run(*args) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => report_failure(&failure, json),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Dps::command().debug_assert();
    }

    #[cfg(not(feature = "local"))]
    #[test]
    fn a_build_without_a_local_dps_exits_with_2_whichever_flags_the_emulator_is_given() {
        for words in [
            &["dps", "emulator"][..],
            &["dps", "emulator", "--dir", "d", "--ws-port", "0"],
            &["dps", "register", "--local"],
        ] {
            let dps = Dps::try_parse_from(words).expect("flags that are parsed");
            assert_eq!(dps.run(true), ExitCode::from(2), "{words:?}");
        }
        let help = Dps::command().render_help().to_string();
        assert!(!help.contains("emulator"), "{help}");
    }
}
