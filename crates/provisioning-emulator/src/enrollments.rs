//! Who may register, and with what proof.

use std::collections::HashMap;

use crate::{
    Device, EmulatorError,
    keys::{Key, Token},
};

/// The enrollments: devices with symmetric keys of their own, one group for symmetric keys, and all that the CA signed.
pub(crate) struct Enrollments {
    /// By registration id in lower case.
    symmetric: HashMap<String, Vec<Key>>,
    group: Key,
    pub(crate) store: crate::standin::Store,
}

impl Enrollments {
    pub(crate) fn new<'a>(devices: impl Iterator<Item = &'a Device>) -> Result<Self, EmulatorError> {
        let mut symmetric = HashMap::new();
        for device in devices.filter(|device| !device.symmetric_keys.is_empty()) {
            let keys: Option<Vec<_>> = device.symmetric_keys.iter().map(|key| Key::from_base64(key)).collect();
            let registration_id = device.registration_id.clone();
            let keys = keys.ok_or(EmulatorError::Key { registration_id })?;
            symmetric.insert(device.registration_id.to_ascii_lowercase(), keys);
        }
        Ok(Self {
            symmetric,
            group: Key::generate(),
            store: Default::default(),
        })
    }

    pub(crate) fn group_key(&self) -> String {
        self.group.to_base64()
    }

    /// A certificate that the CA signed proves who the device is; not every enrollment takes it.
    pub(crate) fn admit_x509(&self, registration_id: &str) -> Result<(), &'static str> {
        if self.symmetric.contains_key(&registration_id.to_ascii_lowercase()) {
            return Err("the enrollment is for symmetric keys");
        }
        Ok(())
    }

    /// A device's own keys count before the group's.
    pub(crate) fn admit_token(&self, token: &str, id_scope: &str, registration_id: &str) -> Result<(), &'static str> {
        let token = Token::parse(token).ok_or("the password is no token")?;
        let own = self.symmetric.get(&registration_id.to_ascii_lowercase());
        let keys = own.cloned().unwrap_or_else(|| vec![self.group.derive(registration_id)]);
        token.check(id_scope, registration_id, &keys)
    }
}

/// Which enrollments a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnrollmentKind {
    Individual,
    Group,
}
