//! `dps derive-key`: the key of one device of a group, made where the group's key is stored.

use std::path::PathBuf;

use clap::Args;
use provisioning_device::{RegistrationId, Secret};

use crate::{input::credential::symmetric_key, output::failure::Failure};

#[derive(Debug, Args)]
pub(crate) struct DeriveKey {
    /// The file with the group's key, base64
    #[arg(long, value_name = "FILE")]
    group_key_file: PathBuf,

    /// The device's registration id; upper and lower case differ
    #[arg(long, value_name = "ID")]
    registration_id: String,
}

/// Returns the key, base64.
pub(crate) fn run(flags: &DeriveKey) -> Result<Secret, Failure> {
    let registration_id = RegistrationId::new(flags.registration_id.as_str())?;
    let key = symmetric_key(&flags.group_key_file)?;
    Ok(key.derive(&registration_id).to_base64())
}
