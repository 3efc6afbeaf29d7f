//! The words of the command line.

mod identity;
mod keys;
mod network;
mod register;
mod service;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use self::{
    identity::Identity,
    keys::{DeriveKey, Sas},
    network::{Limits, Network},
    register::{Register, Registration},
    service::{Output, Service},
};

/// Registers devices with Azure IoT Hub Device Provisioning Service (DPS).
#[derive(Debug, Parser)]
#[command(name = "dps", version, arg_required_else_help = true)]
pub(crate) struct Dps {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a device and print the IoT hub that it belongs to
    #[command(after_long_help = register::HELP)]
    Register(Box<Register>),
    /// Print the key of one device of a symmetric-key enrollment group
    ///
    /// Run it where the group's key is kept, and give the device what it prints: the group's key does not belong on a
    /// device.
    DeriveKey(DeriveKey),
    /// Print a SAS token for one device's registration
    Sas(Sas),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Dps::command().debug_assert();
    }
}
