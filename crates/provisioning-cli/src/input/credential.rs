//! The device's credential, from flags, environment variables and files.

use std::path::{Path, PathBuf};

use provisioning_device::{Credential, InvalidInput, RegistrationId, Secret, SymmetricKey};

use super::{
    environment::{missing, required, variable},
    files,
    flags::Identity,
};
use crate::output::failure::Failure;

const SYMMETRIC_KEY_VARIABLE: &str = "PROVISIONING_SYMMETRIC_KEY";

/// The credential that the flags name, or else the environment.
pub(crate) fn credential(flags: &Identity, registration_id: Option<&str>) -> Result<Credential, Failure> {
    credential_if_given(flags, registration_id)?.ok_or_else(|| missing("--cert", "CERTIFICATE_FILE"))
}

/// The same, or `None` if neither names one. The flags name one kind only: clap rejects others.
pub(crate) fn credential_if_given(
    flags: &Identity,
    registration_id: Option<&str>,
) -> Result<Option<Credential>, Failure> {
    if let Some(file) = &flags.symmetric_key_file {
        return Ok(Some(Credential::symmetric_key_from_file(file)?));
    }
    if let Some(file) = &flags.group_key_file {
        let id = registration_id
            .ok_or_else(|| Failure::usage("--registration-id is missing: the device's key is derived from it"))?;
        let key = symmetric_key(file)?.derive(&RegistrationId::new(id)?);
        return Ok(Some(key.into()));
    }
    if let Some(file) = &flags.sas_token_file {
        return Ok(Some(Credential::sas_token_from_file(file)?));
    }
    if flags.cert.is_some() || flags.key.is_some() || variable("CERTIFICATE_FILE").is_some() {
        return x509(flags).map(Some);
    }
    let key = variable(SYMMETRIC_KEY_VARIABLE).map(|key| parse_key(key, SYMMETRIC_KEY_VARIABLE));
    Ok(key.transpose()?.map(Credential::from))
}

fn x509(flags: &Identity) -> Result<Credential, Failure> {
    let certificate = required(flags.cert.clone(), "--cert", "CERTIFICATE_FILE")?;
    let key = required(key_file(flags), "--key", "KEY_FILE")?;
    Ok(match &flags.key_passphrase_file {
        Some(file) => Credential::x509_from_encrypted_files(certificate, key, passphrase(file)?)?,
        None => Credential::x509_from_files(certificate, key)?,
    })
}

/// The file with the certificate's private key, if one is named.
pub(crate) fn key_file(flags: &Identity) -> Option<PathBuf> {
    flags.key.clone().or_else(|| variable("KEY_FILE").map(PathBuf::from))
}

/// The symmetric key in a file, base64.
pub(crate) fn symmetric_key(file: &Path) -> Result<SymmetricKey, InvalidInput> {
    parse_key(files::read_text("symmetric key", file)?, file.display())
}

fn parse_key(text: String, place: impl std::fmt::Display) -> Result<SymmetricKey, InvalidInput> {
    let text = Secret::new(text.into_bytes());
    let key = SymmetricKey::from_base64(text.expose_str().unwrap_or_default());
    key.map_err(|error| error.found_in(place))
}

/// The text of a file without the line break at its end, which editors add.
fn passphrase(file: &Path) -> Result<Secret, InvalidInput> {
    let text = Secret::new(files::read_text("passphrase", file)?.into_bytes());
    let line = text.expose().strip_suffix(b"\n").unwrap_or(text.expose());
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}
