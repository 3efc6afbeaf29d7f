//! The words of the command line.

mod certificate;
mod doctor;
mod hub;
mod identity;
mod keys;
mod network;
mod register;
mod service;
mod store;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use self::{
    certificate::Certificate,
    doctor::Doctor,
    hub::Hub,
    identity::Identity,
    keys::{DeriveKey, Sas},
    network::{Limits, Network, TlsMin},
    register::{Register, Registration},
    service::{Output, Service},
    store::Keeping,
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
    /// Print what an MQTT client connects to the assigned hub with, secrets included
    Hub(Box<Hub>),
    /// Go through what usually goes wrong, and say what to do about it
    #[command(after_long_help = doctor::HELP)]
    Doctor(Box<Doctor>),
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
