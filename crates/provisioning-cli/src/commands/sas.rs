//! `dps sas`: a SAS token for one device's registration, made where the device's key is stored.

use std::time::{Duration, SystemTime};

use clap::Args;
use provisioning_device::{IdScope, InputFile, RegistrationId, SasToken, Secret, SymmetricKey};

use crate::{
    input::flags::{input_file, seconds},
    output::failure::Failure,
};

#[derive(Debug, Args)]
pub(crate) struct Sas {
    /// The file with the device's key, base64
    #[arg(long, value_name = "FILE", value_parser = input_file())]
    symmetric_key_file: InputFile,

    /// The id scope of the service instance, such as 0ne00A1B2C3
    #[arg(long, value_name = "SCOPE")]
    id_scope: String,

    /// The device's registration id
    #[arg(long, value_name = "ID")]
    registration_id: String,

    /// How long the token is valid
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds, allow_negative_numbers = true)]
    expires_in: Duration,
}

/// Returns the token.
pub(crate) fn run(flags: &Sas) -> Result<Secret, Failure> {
    let id_scope = IdScope::new(flags.id_scope.as_str())?;
    let registration_id = RegistrationId::new(flags.registration_id.as_str())?;
    let key = SymmetricKey::from_file(flags.symmetric_key_file.clone())?;
    let expires_at = SystemTime::now() + flags.expires_in;
    let token = SasToken::sign_with_key(&key, &id_scope, &registration_id, expires_at);
    Ok(token.text().clone())
}
