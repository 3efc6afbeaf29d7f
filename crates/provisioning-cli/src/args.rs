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
    /// Print the key of one device of a symmetric-key enrollment group
    ///
    /// Run it where the group's key is kept, and give the device what it prints: the group's key does not belong on a
    /// device.
    DeriveKey(DeriveKey),
    /// Print a SAS token for one device's registration
    Sas(Sas),
}

#[derive(Debug, Args)]
pub(crate) struct DeriveKey {
    /// The file with the group's key, base64
    #[arg(long, value_name = "FILE")]
    pub(crate) group_key_file: PathBuf,

    /// The device's registration id; its case counts
    #[arg(long, value_name = "ID")]
    pub(crate) registration_id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Sas {
    /// The file with the device's key, base64
    #[arg(long, value_name = "FILE")]
    pub(crate) symmetric_key_file: PathBuf,

    /// The id scope of the service instance, such as 0ne00A1B2C3
    #[arg(long, value_name = "SCOPE")]
    pub(crate) id_scope: String,

    /// The device's registration id
    #[arg(long, value_name = "ID")]
    pub(crate) registration_id: String,

    /// For how long the token is valid
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) expires_in: Duration,
}

const REGISTER_HELP: &str = "\
Examples:
  dps register --local
  dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key
  dps register --id-scope 0ne00A1B2C3 --registration-id device-1 --symmetric-key-file device-1.key
  dps register --local --websocket --json

Environment, where no flag is given:
  PROVISIONING_HOST, PROVISIONING_IDSCOPE, PROVISIONING_REGISTRATION_ID,
  CERTIFICATE_FILE, KEY_FILE, or PROVISIONING_SYMMETRIC_KEY (the key itself)

The answer goes to standard output, progress and errors to standard error.
With --json, standard output holds exactly one JSON object, errors included.

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
    /// The global endpoint unless given; sovereign clouds have their own. The port is 8883, with --websocket 443,
    /// unless given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) host: Option<String>,

    /// The id scope of the service instance, such as 0ne00A1B2C3
    #[arg(long, value_name = "SCOPE")]
    pub(crate) id_scope: Option<String>,

    /// The registration id; with X.509 the certificate's common name unless given
    #[arg(long, value_name = "ID")]
    pub(crate) registration_id: Option<String>,

    /// The device's certificate and its intermediates, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM: PKCS#8, SEC1 or PKCS#1
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The file with the passphrase of an encrypted PKCS#8 key; a line break at its end is not part of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["symmetric_key_file", "group_key_file", "sas_token_file"])]
    pub(crate) key_passphrase_file: Option<PathBuf>,

    /// The file with the device's symmetric key, base64, instead of a certificate
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key"])]
    pub(crate) symmetric_key_file: Option<PathBuf>,

    /// The file with an enrollment group's key, base64, from which the device's is derived: for tests, not for devices
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key", "symmetric_key_file"])]
    pub(crate) group_key_file: Option<PathBuf>,

    /// The file with a SAS token that was made elsewhere
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key", "symmetric_key_file", "group_key_file"])]
    pub(crate) sas_token_file: Option<PathBuf>,

    /// Trust only the CA certificates in this PEM file, not the platform's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Carry MQTT over a WebSocket, on port 443
    #[arg(long)]
    pub(crate) websocket: bool,

    /// Connect through this proxy: an http or a socks5 URL, with USER:PASSWORD@ before its host if needed
    ///
    /// User name and password are percent-encoded; others on this machine may see them in the list of processes, and
    /// not so with --proxy-from-environment. The port is 80 or 1080 unless given.
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Connect through the proxy that the environment names
    ///
    /// It is named by https_proxy or all_proxy, and not used for the hosts in no_proxy; each in capitals too. Without
    /// this flag the environment's proxy is not used.
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) proxy_from_environment: bool,

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
    #[arg(long, conflicts_with_all = [
        "host", "id_scope", "cert", "key", "key_passphrase_file", "symmetric_key_file", "group_key_file", "sas_token_file", "ca",
    ])]
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
