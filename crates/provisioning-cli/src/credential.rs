//! The device's credential, from flags, files and environment.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisioning_device::{Credential, InvalidInput, RegistrationId, Secret, SymmetricKey};

use crate::{
    args::Identity,
    failure::Failure,
    given::{missing, required, unreadable, variable},
};

const SYMMETRIC_KEY_VARIABLE: &str = "PROVISIONING_SYMMETRIC_KEY";

/// What the flags name, or else the environment.
pub(crate) fn credential(args: &Identity, registration_id: Option<&str>) -> Result<Credential, Failure> {
    credential_if_given(args, registration_id)?.ok_or_else(|| missing("--cert", "CERTIFICATE_FILE"))
}

/// The same where it may be that nothing is named. clap has seen to it that the flags name one kind only.
pub(crate) fn credential_if_given(
    args: &Identity,
    registration_id: Option<&str>,
) -> Result<Option<Credential>, Failure> {
    if let Some(file) = &args.symmetric_key_file {
        return Ok(Some(Credential::symmetric_key_from_file(file)?));
    }
    if let Some(file) = &args.group_key_file {
        let id = registration_id.ok_or_else(|| {
            Failure::usage("--registration-id is missing: the device's key is derived from it".to_owned())
        })?;
        let key = symmetric_key(file)?.derive(&RegistrationId::new(id)?);
        return Ok(Some(key.into()));
    }
    if let Some(file) = &args.sas_token_file {
        return Ok(Some(Credential::sas_token_from_file(file)?));
    }
    let by_certificate = args.cert.is_some() || args.key.is_some() || variable("CERTIFICATE_FILE").is_some();
    if by_certificate {
        return x509(args).map(Some);
    }
    let Some(key) = variable(SYMMETRIC_KEY_VARIABLE) else {
        return Ok(None);
    };
    let key = Secret::new(key.into_bytes());
    let key = SymmetricKey::from_base64(key.expose_str().unwrap_or_default());
    Ok(Some(
        key.map_err(|error| error.found_in(SYMMETRIC_KEY_VARIABLE))?.into(),
    ))
}

fn x509(args: &Identity) -> Result<Credential, Failure> {
    let certificate = required(args.cert.clone(), "--cert", "CERTIFICATE_FILE")?;
    let key = required(key_file(args), "--key", "KEY_FILE")?;
    Ok(match &args.key_passphrase_file {
        Some(file) => Credential::x509_from_encrypted_files(certificate, key, passphrase(file)?)?,
        None => Credential::x509_from_files(certificate, key)?,
    })
}

/// The file with the certificate's private key, if one is named.
pub(crate) fn key_file(args: &Identity) -> Option<PathBuf> {
    args.key.clone().or_else(|| variable("KEY_FILE").map(PathBuf::from))
}

/// The symmetric key in a file, base64.
pub(crate) fn symmetric_key(file: &Path) -> Result<SymmetricKey, InvalidInput> {
    let text = Secret::new(read("symmetric key", file)?.into_bytes());
    let key = SymmetricKey::from_base64(text.expose_str().unwrap_or_default());
    key.map_err(|error| error.found_in(file.display()))
}

/// A file's text but for the line break at its end, which editors put there.
fn passphrase(file: &Path) -> Result<Secret, InvalidInput> {
    let text = Secret::new(read("passphrase", file)?.into_bytes());
    let line = text.expose().strip_suffix(b"\n").unwrap_or(text.expose());
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

fn read(what: &'static str, file: &Path) -> Result<String, InvalidInput> {
    fs::read_to_string(file).map_err(|error| unreadable(what, file, &error))
}
