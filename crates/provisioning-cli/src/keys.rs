//! `dps derive-key` and `dps sas`: keys and tokens, made where the keys are kept.

use std::time::SystemTime;

use provisioning_device::{IdScope, RegistrationId, SasToken, Secret};

use crate::{
    args::{DeriveKey, Sas},
    credential::symmetric_key,
    failure::Failure,
};

/// The key of one device of a group.
pub(crate) fn derive(args: &DeriveKey) -> Result<Secret, Failure> {
    let registration_id = RegistrationId::new(args.registration_id.as_str())?;
    Ok(symmetric_key(&args.group_key_file)?
        .derive(&registration_id)
        .to_base64())
}

/// A token for one device's registration.
pub(crate) fn token(args: &Sas) -> Result<Secret, Failure> {
    let id_scope = IdScope::new(args.id_scope.as_str())?;
    let registration_id = RegistrationId::new(args.registration_id.as_str())?;
    let key = symmetric_key(&args.symmetric_key_file)?;
    let expires_at = SystemTime::now() + args.expires_in;
    let token = SasToken::sign_with_key(&key, &id_scope, &registration_id, expires_at);
    Ok(token.text().clone())
}
