//! The device's credential, from flags, environment variables and files.

use provisioning_device::{Credential, InputFile, RegistrationId, Secret, SymmetricKey};

use super::{
    environment::{missing, variable},
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
        return Ok(Some(Credential::symmetric_key_from_file(file.clone())?));
    }
    if let Some(file) = &flags.group_key_file {
        let id = registration_id
            .ok_or_else(|| Failure::usage("--registration-id is missing: the device's key is derived from it"))?;
        let key = SymmetricKey::from_file(file.clone())?.derive(&RegistrationId::new(id)?);
        return Ok(Some(key.into()));
    }
    if let Some(file) = &flags.sas_token_file {
        return Ok(Some(Credential::sas_token_from_file(file.clone())?));
    }
    if let Some(certificate) = flags.cert() {
        return x509(flags, certificate).map(Some);
    }
    if flags.has_key_flag() {
        return Err(missing("--cert", "CERTIFICATE_FILE"));
    }
    let Some(key) = variable(SYMMETRIC_KEY_VARIABLE)?.map(|key| Secret::new(key.into_bytes())) else {
        return Ok(None);
    };
    let key = SymmetricKey::from_base64(key.expose_str().unwrap_or_default());
    Ok(Some(
        key.map_err(|error| error.found_in(SYMMETRIC_KEY_VARIABLE))?.into(),
    ))
}

/// A certificate and its key, which may be in one file.
fn x509(flags: &Identity, certificate: &InputFile) -> Result<Credential, Failure> {
    let given = flags.key();
    // A pipe that both name is read once.
    let key = given
        .filter(|key| key.path() != certificate.path())
        .unwrap_or(certificate);
    let (certificate, key) = (certificate.clone(), key.clone());
    let credential = match &flags.key_passphrase_file {
        Some(file) => Credential::x509_from_encrypted_files(certificate, key, file.read_passphrase()?),
        None => Credential::x509_from_files(certificate, key),
    };
    credential.map_err(|error| match given {
        // The file of the certificate has no key.
        None if error.found() == Some("a certificate") => missing("--key", "KEY_FILE"),
        _ => error.into(),
    })
}
