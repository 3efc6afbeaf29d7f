//! A certificate that the service is to issue.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Certificate from the service (preview)",
    group(ArgGroup::new("request").args(["csr", "new_key"]))
)]
pub(crate) struct Certificate {
    /// Send this certificate signing request, PEM or DER
    #[arg(long, value_name = "FILE", requires = "issued_cert")]
    pub(crate) csr: Option<PathBuf>,

    /// Make a key and a request for it, and write the key to this file, which must not be there yet
    ///
    /// Only its owner may read it. It goes away again when the device is not assigned.
    #[arg(long, value_name = "FILE", requires = "issued_cert")]
    pub(crate) new_key: Option<PathBuf>,

    /// Write the certificates that are issued to this file, PEM, the device's own first
    ///
    /// A file that is there is replaced, in one step and only by certificates that were checked.
    #[arg(long, value_name = "FILE", requires = "request")]
    pub(crate) issued_cert: Option<PathBuf>,
}
