//! `dps derive-key`: the key of one device of a group, made where the group's key is stored.

use clap::Args;
use provisioning_device::{InputFile, RegistrationId, Secret, SymmetricKey};

use crate::{input::flags::input_file, output::failure::Failure};

#[derive(Debug, Args)]
pub(crate) struct DeriveKey {
    /// The file with the group's key, base64
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    group_key_file: InputFile,

    /// The device's registration id; upper and lower case differ
    #[arg(long, value_name = "ID")]
    registration_id: String,
}

/// Returns the key, base64.
pub(crate) fn run(flags: &DeriveKey) -> Result<Secret, Failure> {
    let registration_id = RegistrationId::new(flags.registration_id.as_str())?;
    let key = SymmetricKey::from_file(flags.group_key_file.clone())?;
    Ok(key.derive(&registration_id).to_base64())
}
