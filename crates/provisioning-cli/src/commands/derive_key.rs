//! `dps derive-key`: the key of one device of a group, made where the group's key is stored.

use clap::Args;
use provisioning_device::{InputFile, RegistrationId, SymmetricKey};
use serde::Serialize;

use crate::{
    input::flags::input_file,
    output::{failure::Failure, outcome::Answer},
};

#[derive(Debug, Args)]
pub(crate) struct DeriveKey {
    /// The file with the group's key, base64
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    group_key_file: InputFile,

    /// The device's registration id; upper and lower case differ
    #[arg(long, value_name = "ID")]
    registration_id: String,
}

/// The key, base64.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceKey {
    registration_id: String,
    symmetric_key: String,
}

/// Derives the key.
pub(crate) fn run(flags: &DeriveKey) -> Result<DeviceKey, Failure> {
    let registration_id = RegistrationId::new(flags.registration_id.as_str())?;
    let key = SymmetricKey::from_file(flags.group_key_file.clone())?;
    let key = key.derive(&registration_id).to_base64();
    Ok(DeviceKey {
        registration_id: registration_id.to_string(),
        symmetric_key: key.expose_str().unwrap_or_default().to_owned(),
    })
}

impl Answer for DeviceKey {
    fn lines(&self) -> Vec<String> {
        vec![self.symmetric_key.clone()]
    }
}
