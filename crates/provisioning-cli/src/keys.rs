//! `dps derive-key` and `dps sas`: keys and tokens, made where the keys are kept.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::SystemTime,
};

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
    let token = at_once(SasToken::sign(&key, &id_scope, &registration_id, expires_at));
    Ok(token.map_err(|error| Failure::local(error.as_ref()))?.text().clone())
}

/// A key in memory signs without waiting, so there is no need for a runtime.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}
