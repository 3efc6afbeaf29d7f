//! The words of `dps derive-key` and `dps sas`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::values::seconds;

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
