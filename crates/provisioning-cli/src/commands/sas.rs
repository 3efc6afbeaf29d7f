//! `dps sas`: a SAS token for one device's registration, made where the device's key is stored.

use std::time::{Duration, SystemTime};

use clap::Args;
use provisioning_device::{IdScope, InputFile, RegistrationId, SasToken, SymmetricKey};
use serde::Serialize;

use crate::{
    input::flags::{input_file, seconds},
    output::{dates::date, failure::Failure, outcome::Answer},
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

/// The token, and what it is for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    id_scope: String,
    registration_id: String,
    sas_token: String,
    sas_token_expires: String,
}

/// Signs the token.
pub(crate) fn run(flags: &Sas) -> Result<Token, Failure> {
    let id_scope = IdScope::new(flags.id_scope.as_str())?;
    let registration_id = RegistrationId::new(flags.registration_id.as_str())?;
    let key = SymmetricKey::from_file(flags.symmetric_key_file.clone())?;
    let expires_at = SystemTime::now() + flags.expires_in;
    let token = SasToken::sign_with_key(&key, &id_scope, &registration_id, expires_at);
    Ok(Token {
        id_scope: id_scope.to_string(),
        registration_id: registration_id.to_string(),
        sas_token: token.text().expose_str().unwrap_or_default().to_owned(),
        sas_token_expires: date(token.expires_at()),
    })
}

impl Answer for Token {
    fn lines(&self) -> Vec<String> {
        vec![self.sas_token.clone()]
    }
}
