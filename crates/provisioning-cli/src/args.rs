//! The words of the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

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
    #[command(after_long_help = REGISTER_HELP)]
    Register(Box<Register>),
}

const REGISTER_HELP: &str = "\
Examples:
  dps register --local
  dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key
  dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key --websocket --json

Environment, where no flag is given:
  PROVISIONING_HOST, PROVISIONING_IDSCOPE, PROVISIONING_REGISTRATION_ID, CERTIFICATE_FILE, KEY_FILE

The answer goes to standard output, progress and errors to standard error. With --json, standard output holds exactly
one JSON object, errors included.

Exit codes:
  0    assigned
  2    a flag or an input cannot be used; nothing was connected to
  3    the service refused, or answered what it should not
  4    no connection, or it was lost
  5    a time limit was reached
  6    the service throttled or failed until the limit
  130  interrupted; the connection was closed in an orderly way";

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The service's address
    ///
    /// The global endpoint unless given; sovereign clouds have their own. The port is 8883, with --websocket 443, unless
    /// given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) host: Option<String>,

    /// The id scope of the service instance, such as 0ne00A1B2C3
    #[arg(long, value_name = "SCOPE")]
    pub(crate) id_scope: Option<String>,

    /// The registration id; the certificate's common name unless given
    #[arg(long, value_name = "ID")]
    pub(crate) registration_id: Option<String>,

    /// The device's certificate and its intermediates, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM (PKCS#8, SEC1 or PKCS#1, not encrypted)
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// Trust only the CA certificates in this PEM file, not the platform's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Carry MQTT over a WebSocket, on port 443
    #[arg(long)]
    pub(crate) websocket: bool,

    /// JSON for the enrollment's custom allocation webhook, or @FILE with it
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) payload: Option<String>,

    /// The version of the service's interface to speak; 2019-03-31 unless given
    #[arg(long, value_name = "VERSION")]
    pub(crate) api_version: Option<String>,

    /// The limit of the whole registration, waits included
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// How many lost connections to recover from
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) recover: u32,

    /// Print exactly one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// Start a local DPS in this process and register against it; needs no other flag
    #[arg(long, conflicts_with_all = ["host", "id_scope", "cert", "key", "ca"])]
    pub(crate) local: bool,

    /// Log what happens to standard error; twice for more. RUST_LOG, if set, decides instead
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|&seconds: &f64| seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Dps::command().debug_assert();
    }

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
