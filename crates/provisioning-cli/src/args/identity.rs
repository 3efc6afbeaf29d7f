//! What the device proves its identity with.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::values::seconds;

#[derive(Debug, Args)]
#[command(next_help_heading = "Credential")]
pub(crate) struct Identity {
    /// The device's certificate and its intermediates, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key, PEM or DER: PKCS#8, SEC1 or PKCS#1
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

    /// For how long the tokens are valid that a symmetric key signs, one for every connection; 3600 unless given
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) sas_lifetime: Option<Duration>,
}
