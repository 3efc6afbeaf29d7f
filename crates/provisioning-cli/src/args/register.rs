//! The words of `dps register`.

use clap::Args;

use super::{Certificate, Identity, Keeping, Limits, Network, Output, Service};

pub(super) const HELP: &str = "\
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
  1    this machine failed: a key device or a credential was not available
  2    a flag or an input cannot be used; nothing was connected to
  3    the service refused, or answered what it should not
  4    no connection, or it was lost
  5    a time limit was reached
  6    the service throttled or failed until the limit
  130  interrupted; the connection was closed in an orderly way";

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) registration: Registration,

    /// Start a local DPS in this process and register against it; needs no other flag
    #[arg(long, help_heading = "Service", conflicts_with_all = [
        "host", "server_name", "id_scope", "cert", "key", "key_passphrase_file", "symmetric_key_file",
        "group_key_file", "sas_token_file", "ca", "websocket_port",
    ])]
    pub(crate) local: bool,

    #[command(flatten)]
    pub(crate) certificate: Certificate,

    #[command(flatten)]
    pub(crate) keeping: Keeping,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// All that a registration is made of.
#[derive(Debug, Args)]
pub(crate) struct Registration {
    #[command(flatten)]
    pub(crate) service: Service,

    #[command(flatten)]
    pub(crate) identity: Identity,

    #[command(flatten)]
    pub(crate) network: Network,

    #[command(flatten)]
    pub(crate) limits: Limits,
}
