//! The flags of the command, and its help.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::{Parser, ValueEnum};

use super::{ready::FileMode, terminal::Volume};
use crate::{
    faults::ChaosSettings,
    identifiers::{is_host, is_id_scope},
    identity::KeyKind,
};

pub(super) const DEFAULT_DIR: &str = "./.dps-emulator";

/// The headings of the flags in the help.
const FILES: &str = "Files";
const ADDRESSES: &str = "Addresses and ports";
const BEHAVIOUR: &str = "Behaviour";
const PROGRAM: &str = "Program";

/// Examples for the help of a command with these flags, which is called `command`.
pub fn examples(command: &str) -> String {
    EXAMPLES.replace("{command}", command)
}

const EXAMPLES: &str = "\
Examples:
  A first start, and a device that registers from another terminal:
    {command}
    dps register --host localhost --id-scope 0ne00000000 --ca .dps-emulator/ca.pem \\
      --cert .dps-emulator/devices/device-1.pem --key .dps-emulator/devices/device-1.key

  A device in Node or Python connects to the host localhost with the id scope 0ne00000000, trusts
  .dps-emulator/ca.pem, and has the certificate and the key of device-1. Node trusts it with:
    NODE_EXTRA_CA_CERTS=.dps-emulator/ca.pem node device.js

  Other programs have the ports 8883 and 443. Devices connect to 127.0.0.8, or to free ports,
  which the JSON object names:
    {command} --listen 127.0.0.8
    {command} --mqtt-port 0 --ws-port 0

  Enrollments, hubs and faults from a file:
    {command} --config emulator.toml

  In CI, with free ports, and a file that says when it listens and where:
    {command} --quiet --mqtt-port 0 --ws-port 0 --control-port 0 --page-port 0 \\
      --ready-file ready.json --log log.jsonl";

/// A local Azure IoT Hub Device Provisioning Service for tests, offline.
///
/// Without --config it accepts every device with a certificate that its CA signed (devices/device-1.pem and .key are
/// one), and every device whose symmetric key is derived from the key in group.key. Once it listens, it prints one JSON
/// object to stdout, with its ports, its id scope, the file of its CA and the connection string of its control endpoint
/// without the key. On stderr it prints where it listens, the outcome of each registration, and each refusal with its
/// reason. Ctrl-C and SIGTERM end it. The exit code is 2 for a mistake in the flags or the configuration, and 1 if it
/// cannot start.
#[derive(Debug, Parser)]
#[command(name = "dps-emulator", version, after_help = examples("dps-emulator"))]
pub struct Args {
    /// The folder that receives, or already holds, ca.pem, ca.key, server.pem, server.key, group.key, control.key
    /// and devices/
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR, help_heading = FILES)]
    pub(super) dir: PathBuf,

    /// The address to listen on; loopback, IPv4 and IPv6, unless given
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = ADDRESSES)]
    pub(super) listen: Option<IpAddr>,

    /// A name or an address for the server's certificate, beside localhost; can be given several times
    #[arg(long, value_name = "NAME", value_parser = host, help_heading = ADDRESSES)]
    pub(super) host: Vec<String>,

    /// The kind of the server's key: rsa is for clients that have RSA suites only; unless given, that of the existing
    /// certificate, else p256
    #[arg(long, value_name = "KIND", help_heading = ADDRESSES)]
    pub(super) server_key: Option<ServerKey>,

    /// The port of MQTT over TLS; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8883, help_heading = ADDRESSES)]
    pub(super) mqtt_port: u16,

    /// The port of MQTT over WebSocket and of the HTTPS device API; 0 for a free one
    #[arg(long = "ws-port", value_name = "N", value_parser = port, default_value_t = 443, help_heading = ADDRESSES)]
    pub(super) websocket_port: u16,

    /// The port of the control endpoint, the service's REST API over HTTPS; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8443, help_heading = ADDRESSES)]
    pub(super) control_port: u16,

    /// The port of the page for browsers, plain HTTP; 0 for a free one
    #[arg(long, value_name = "N", value_parser = port, default_value_t = 8080, help_heading = ADDRESSES)]
    pub(super) page_port: u16,

    /// The address that the page listens on, for containers; loopback unless given. Without the token of its URL the
    /// page is read-only
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = ADDRESSES)]
    pub(super) page_listen: Option<IpAddr>,

    /// Also write the JSON object to this file, with the key in its connection string, once everything listens
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(super) ready_file: Option<PathBuf>,

    /// The mode of the ready file on Unix, in octal
    #[arg(long, value_name = "MODE", default_value_t, requires = "ready_file", help_heading = FILES)]
    pub(super) ready_file_mode: FileMode,

    /// The id scope that devices must name; 0ne00000000 unless given
    #[arg(long, value_name = "S", value_parser = id_scope, help_heading = BEHAVIOUR)]
    pub(super) id_scope: Option<String>,

    /// Accept certificate signing requests with EC P-384 keys only
    #[arg(long, help_heading = BEHAVIOUR)]
    pub(super) strict_csr: bool,

    /// Evaluate the text of queries at the control endpoint; otherwise every query returns all items, as at the service
    #[arg(long, help_heading = BEHAVIOUR)]
    pub(super) evaluate_queries: bool,

    /// Verify webhooks over HTTPS with the CA in this file, PEM or DER, and not with the roots of the platform
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(super) webhook_ca: Option<PathBuf>,

    /// Take enrollments, hubs, behaviour and faults from this file, TOML
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(super) config: Option<PathBuf>,

    /// Keep enrollments and registrations in state.jsonl in the folder: the next start has them, however this one ends
    #[arg(long, help_heading = FILES)]
    pub(super) persist: bool,

    /// At each step, select a fault by chance with this probability, 0 to 1
    #[arg(long, value_name = "PROBABILITY", value_parser = probability, help_heading = BEHAVIOUR)]
    pub(super) chaos: Option<f64>,

    /// The seed of --chaos: with the same one, the same order of steps has the same faults; by chance unless given
    #[arg(long, value_name = "N", value_parser = seed, requires = "chaos", help_heading = BEHAVIOUR)]
    pub(super) seed: Option<u64>,

    /// Append one line of JSON per packet and decision to this file; - is stderr, where the log replaces all else but an
    /// error of the start
    #[arg(long, value_name = "FILE", help_heading = FILES)]
    pub(super) log: Option<PathBuf>,

    /// Print only errors and warnings on stderr
    #[arg(long, help_heading = PROGRAM)]
    pub(super) quiet: bool,

    /// End when standard input ends, too: with a pipe to it, the emulator ends with the program that started it
    #[arg(long, help_heading = PROGRAM)]
    pub(super) end_with_stdin: bool,

    /// Only check whether the emulator that wrote the ready file serves calls; exit with 0 if it does, else with 1
    #[arg(long, requires = "ready_file", help_heading = PROGRAM)]
    pub(super) health: bool,
}

impl Args {
    pub(super) fn volume(&self) -> Volume {
        match self.log_is_stderr() {
            true => Volume::Nothing,
            false if self.quiet => Volume::Warnings,
            false => Volume::Everything,
        }
    }

    pub(super) fn log_is_stderr(&self) -> bool {
        self.log.as_deref() == Some(Path::new("-"))
    }
}

/// The kind of a server's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ServerKey {
    P256,
    P384,
    Rsa,
}

impl From<ServerKey> for KeyKind {
    fn from(key: ServerKey) -> Self {
        match key {
            ServerKey::P256 => Self::P256,
            ServerKey::P384 => Self::P384,
            ServerKey::Rsa => Self::Rsa2048,
        }
    }
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address of this machine, such as 127.0.0.8 or 0.0.0.0")
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "expected a port, 0 to 65535")
}

fn host(text: &str) -> Result<String, &'static str> {
    match is_host(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a DNS name or an IP address, without a port"),
    }
}

fn id_scope(text: &str) -> Result<String, &'static str> {
    if is_id_scope(text) {
        Ok(text.to_owned())
    } else {
        Err("an id scope is 1 to 64 letters, digits or '-'")
    }
}

fn seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a whole number, 0 or greater")
}

fn probability(text: &str) -> Result<f64, String> {
    let probability = text.parse().map_err(|_| "expected a number from 0 to 1")?;
    ChaosSettings::new(probability, None).map(|_| probability)
}
