//! The flags of `dps register`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use provisioning_device::InputFile;

use crate::input::flags::{Registration, input_file};

/// The registration id of `--local` unless one is given.
const LOCAL_DEVICE: &str = "device-1";

const EXAMPLES: &str = "\
Examples:
  dps register --id-scope 0ne00A1B2C3 --cert device.pem --key device.key
  dps register --id-scope 0ne00A1B2C3 --registration-id device-1 --symmetric-key-file device-1.key
";

const LOCAL_EXAMPLES: &str = "  \
  dps register --local
  dps register --local --websocket --json
";

const HELP: &str = "
Environment variables, used if the flag is not given:
  PROVISIONING_HOST, PROVISIONING_IDSCOPE, PROVISIONING_REGISTRATION_ID,
  CERTIFICATE_FILE, KEY_FILE, or PROVISIONING_SYMMETRIC_KEY (the key itself)

The answer is printed on standard output, progress and errors on standard error.
With --json, standard output has exactly one JSON object, for an error too.

Files are replaced in one step: another program sees the previous content or all of the
new one. A symbolic link is kept, and the file that it points to is replaced. Before any
connection, `dps` refuses to write to a FIFO, a device or a directory, to a file or folder
that is not writable, and to a file that the same command also reads or writes, such as
that of --cert or --ca.

Exit codes:
  0    assigned
  1    this machine failed: for example, standard output could not be written
  2    a flag or an input cannot be used; no connection was made
  3    the service rejected the request, or its response was unexpected
  4    no connection, or it was lost
  5    a timeout expired
  6    the service was throttling or failing until the timeout
  7    assigned, but the assignment or the certificates could not be written
  130  interrupted; the connection was closed in an orderly way first";

/// The text after the flags.
pub(crate) fn help() -> String {
    let local = if cfg!(feature = "local") { LOCAL_EXAMPLES } else { "" };
    format!("{EXAMPLES}{local}{HELP}")
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    pub(crate) registration: Registration,

    /// Start a local DPS in this process and register with it; needs no other flag
    #[arg(long, help_heading = "Service", hide = cfg!(not(feature = "local")), conflicts_with_all = [
        "host", "server_name", "id_scope", "cert", "key", "key_passphrase_file", "symmetric_key_file",
        "group_key_file", "sas_token_file", "ca", "websocket_port",
    ])]
    pub(crate) local: bool,

    #[command(flatten)]
    pub(crate) certificate: Certificate,

    #[command(flatten)]
    pub(crate) storage: Storage,
}

impl Register {
    /// Lets reading pipes and devices count against the timeout.
    pub(crate) fn limit_reading(mut self) -> Self {
        self.registration.limit_reading();
        let deadline = self.registration.limits.deadline();
        self.certificate.csr = self.certificate.csr.map(|file| file.with_deadline(deadline));
        self
    }

    /// The device that registers with the local DPS.
    pub(crate) fn local_device(&self) -> &str {
        let given = self.registration.service.registration_id.as_deref();
        given.unwrap_or(LOCAL_DEVICE)
    }
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Certificate from the service",
    group(ArgGroup::new("request").args(["csr", "new_key"]))
)]
pub(crate) struct Certificate {
    /// Send this certificate signing request, PEM or DER
    #[arg(long, value_name = "FILE", value_parser = input_file(), requires = "issued_cert")]
    pub(crate) csr: Option<InputFile>,

    /// Create a key (EC P-384) and a signing request for it, and write the key to this file, which must not exist
    ///
    /// On Unix its mode is 0600. It is removed if the device is not assigned.
    #[arg(long, value_name = "FILE", requires = "issued_cert")]
    pub(crate) new_key: Option<PathBuf>,

    /// Write the issued certificates to this file, PEM, the device's certificate first
    ///
    /// The certificates are checked first; then an existing file is replaced in one step.
    #[arg(long, value_name = "FILE", requires = "request")]
    pub(crate) issued_cert: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct Storage {
    /// Store the assignment in this file, and use the stored one next time
    ///
    /// A stored assignment is used for the same device in the same id scope, without a connection. The service is asked
    /// if the device is another one, whose assignment then replaces the stored one, if a certificate is requested, and
    /// with --force. An incomplete file, or one that a later version wrote, is replaced, and its content is kept in
    /// FILE.bad. Any other content is an error.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,

    /// Ask the service although an assignment is stored
    #[arg(long, requires = "store")]
    pub(crate) force: bool,
}
