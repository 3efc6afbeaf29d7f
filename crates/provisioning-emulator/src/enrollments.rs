//! Who may register, and with what proof: individual enrollments first, then groups.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::{
    Device, EmulatorError,
    enrollment::{Enrollment, bad},
    keys::Key,
    refused::Refused,
    registry::{etag, now},
};

/// The group of every device whose certificate the emulator's CA signed.
const OWN_CA: &str = "local-devices";

/// The group of every device whose key is derived from the emulator's group key.
const OWN_KEY: &str = "local-keys";

/// Which enrollments a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EnrollmentKind {
    Individual,
    Group,
}

/// All enrollments. They can be changed while devices connect.
pub(crate) struct Enrollments {
    group_key: Key,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By kind and id in lower case.
    stored: BTreeMap<(EnrollmentKind, String), Enrollment>,
    /// The group that let a device in last, by registration id in lower case.
    members: HashMap<String, String>,
}

/// What the enrollment of a device says about its registration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) disabled: bool,
    pub(crate) is_x509: bool,
    pub(crate) group: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) hub: Option<String>,
}

impl Enrollments {
    /// Those of `devices`, and one group each for the CA and for the key.
    pub(crate) fn new<'a>(
        devices: impl Iterator<Item = &'a Device>,
        ca_pem: &str,
        group_key: Key,
    ) -> Result<Self, EmulatorError> {
        let key = group_key.to_base64();
        let this = Self {
            group_key,
            state: Mutex::default(),
        };
        let x509 = json!({"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": ca_pem}}}});
        let symmetric = json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": key}});
        for (id, attestation) in [(OWN_CA, x509), (OWN_KEY, symmetric)] {
            let body = json!({"enrollmentGroupId": id, "attestation": attestation});
            this.put(EnrollmentKind::Group, id, body, None)
                .map_err(|refused| EmulatorError::Pem(refused.message))?;
        }
        for device in devices {
            let [primary, secondary] = device.symmetric_keys.as_slice() else {
                continue;
            };
            let id = &device.registration_id;
            let keys = json!({"primaryKey": primary, "secondaryKey": secondary});
            let body = json!({
                "registrationId": id,
                "attestation": {"type": "symmetricKey", "symmetricKey": keys},
            });
            let is_key = |key: &String| Key::from_base64(key).is_some();
            if !device.symmetric_keys.iter().all(is_key)
                || this.put(EnrollmentKind::Individual, id, body, None).is_err()
            {
                return Err(EmulatorError::Key {
                    registration_id: id.clone(),
                });
            }
        }
        Ok(this)
    }

    pub(crate) fn group_key(&self) -> String {
        self.group_key.to_base64()
    }

    /// Why this chain, leaf first, does not let the device in.
    pub(crate) fn admit_x509(&self, id: &str, chain: &[CertificateDer<'static>]) -> Result<(), &'static str> {
        let unknown = "the certificate is outside every enrollment group";
        self.admit(id, true, unknown, |enrollment, _| enrollment.check_chain(chain))
    }

    /// Why this token does not let the device in.
    pub(crate) fn admit_token(&self, token: &str, scope: &str, id: &str) -> Result<(), &'static str> {
        let unknown = "there is no enrollment for symmetric keys";
        self.admit(id, false, unknown, |enrollment, is_group| {
            enrollment.check_token(token, scope, id, is_group)
        })
    }

    fn admit(
        &self,
        id: &str,
        x509: bool,
        unknown: &'static str,
        check: impl Fn(&Enrollment, bool) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let mut state = self.state();
        let id = id.to_ascii_lowercase();
        if let Some(own) = state.stored.get(&(EnrollmentKind::Individual, id.clone())) {
            return check(own, false);
        }
        let mut reason = unknown;
        let mut member_of = None;
        for ((kind, group), enrollment) in &state.stored {
            if *kind == EnrollmentKind::Group && enrollment.is_x509() == x509 {
                match check(enrollment, true) {
                    Ok(()) => member_of = member_of.or_else(|| Some(group.clone())),
                    Err(why) => reason = why,
                }
            }
        }
        state.members.insert(id, member_of.ok_or(reason)?);
        Ok(())
    }

    /// What a registration of this device comes to; `None` when its enrollment is gone.
    pub(crate) fn policy(&self, registration_id: &str) -> Option<Policy> {
        let state = self.state();
        let id = registration_id.to_ascii_lowercase();
        let own = state.stored.get(&(EnrollmentKind::Individual, id.clone()));
        let (enrollment, group) = match own {
            Some(own) => (own, None),
            None => {
                // Who comes over a plain link in memory has shown nothing.
                let group = state.members.get(&id).map_or(OWN_CA, String::as_str);
                let enrollment = state.stored.get(&(EnrollmentKind::Group, group.to_owned()))?;
                (
                    enrollment,
                    enrollment.fields["enrollmentGroupId"].as_str().map(str::to_owned),
                )
            }
        };
        let text = |name: &str| Some(enrollment.fields.get(name)?.as_str()?.to_owned());
        let first_hub = || Some(enrollment.fields.get("iotHubs")?.get(0)?.as_str()?.to_owned());
        Some(Policy {
            disabled: enrollment.is_disabled(),
            is_x509: enrollment.is_x509(),
            group,
            device_id: text("deviceId"),
            hub: text("iotHubHostName").or_else(first_hub),
        })
    }

    /// Makes or changes an enrollment, and answers it.
    pub(crate) fn put(
        &self,
        kind: EnrollmentKind,
        id: &str,
        body: Value,
        if_match: Option<&str>,
    ) -> Result<Value, Refused> {
        let name = match kind {
            EnrollmentKind::Individual => "registrationId",
            EnrollmentKind::Group => "enrollmentGroupId",
        };
        if body[name] != id {
            return Err(bad(&format!("{name} is missing or another than the path's.")));
        }
        let mut state = self.state();
        let key = (kind, id.to_ascii_lowercase());
        let former = state.stored.get(&key);
        check_match(former, if_match)?;
        let mut made = Enrollment::read(body, kind == EnrollmentKind::Group, former)?;
        let now = json!(now());
        let created = former.map_or_else(|| now.clone(), |former| former.fields["createdDateTimeUtc"].clone());
        made.fields.insert("createdDateTimeUtc".into(), created);
        made.fields.insert("lastUpdatedDateTimeUtc".into(), now);
        made.fields.insert("etag".into(), json!(etag()));
        let answer = Value::Object(made.fields.clone());
        state.stored.insert(key, made);
        Ok(answer)
    }

    pub(crate) fn get(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refused> {
        self.read(kind, id, |enrollment| Value::Object(enrollment.fields.clone()))
    }

    pub(crate) fn attestation_mechanism(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refused> {
        self.read(kind, id, Enrollment::mechanism)
    }

    pub(crate) fn delete(&self, kind: EnrollmentKind, id: &str, if_match: Option<&str>) -> Result<(), Refused> {
        let mut state = self.state();
        let key = (kind, id.to_ascii_lowercase());
        let stored = state.stored.get(&key).ok_or_else(unknown)?;
        check_match(Some(stored), if_match)?;
        state.stored.remove(&key);
        Ok(())
    }

    pub(crate) fn list(&self, kind: EnrollmentKind) -> Vec<Value> {
        let state = self.state();
        let of_kind = state.stored.iter().filter(|((it, _), _)| *it == kind);
        of_kind
            .map(|(_, enrollment)| Value::Object(enrollment.fields.clone()))
            .collect()
    }

    fn read(&self, kind: EnrollmentKind, id: &str, what: impl Fn(&Enrollment) -> Value) -> Result<Value, Refused> {
        let state = self.state();
        let stored = state.stored.get(&(kind, id.to_ascii_lowercase()));
        stored.map(what).ok_or_else(unknown)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown() -> Refused {
    Refused {
        status: 404,
        error_code: 404_201,
        message: "Enrollment not found.".to_owned(),
    }
}

fn check_match(stored: Option<&Enrollment>, if_match: Option<&str>) -> Result<(), Refused> {
    match (if_match, stored) {
        (None, _) | (Some("*"), Some(_)) => Ok(()),
        (Some(etag), Some(stored)) if stored.fields["etag"] == etag => Ok(()),
        (Some(_), _) => Err(crate::refused::changed_meanwhile()),
    }
}
