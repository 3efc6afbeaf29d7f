//! Flags of the device's credential.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::durations::seconds;

#[derive(Debug, Args)]
#[command(next_help_heading = "Credential")]
pub(crate) struct Identity {
    /// The device's certificate and its intermediates, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM or DER: PKCS#8, SEC1 or PKCS#1
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The passphrase of an encrypted PKCS#8 key; a line break at the end of the file is ignored
    #[arg(long, value_name = "FILE", conflicts_with_all = ["symmetric_key_file", "group_key_file", "sas_token_file"])]
    pub(crate) key_passphrase_file: Option<PathBuf>,

    /// The device's symmetric key, base64, instead of a certificate
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key"])]
    pub(crate) symmetric_key_file: Option<PathBuf>,

    /// An enrollment group's key, base64, from which the device's key is derived: for tests, not for devices
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key", "symmetric_key_file"])]
    pub(crate) group_key_file: Option<PathBuf>,

    /// A SAS token that was made elsewhere
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key", "symmetric_key_file", "group_key_file"])]
    pub(crate) sas_token_file: Option<PathBuf>,

    /// How long the SAS tokens are valid that a symmetric key signs; 3600 unless given
    ///
    /// Each connection has its own token.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) sas_lifetime: Option<Duration>,
}
