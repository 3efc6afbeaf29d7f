//! Stand-in for the enrollment store.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Value, json};

use crate::{
    enrollments::{EnrollmentKind, Enrollments},
    refused::Refused,
    registry::Registry,
};

#[derive(Default)]
pub(crate) struct Store(Mutex<BTreeMap<(bool, String), Value>>);

fn refused(status: u16) -> Refused {
    Refused {
        status,
        error_code: u32::from(status) * 1000 + 201,
        message: "no".into(),
    }
}

impl Enrollments {
    pub(crate) fn put(
        &self,
        kind: EnrollmentKind,
        id: &str,
        mut body: Value,
        if_match: Option<&str>,
    ) -> Result<Value, Refused> {
        let name = if kind == EnrollmentKind::Group {
            "enrollmentGroupId"
        } else {
            "registrationId"
        };
        if body[name] != id || !body["attestation"]["type"].is_string() {
            return Err(refused(400));
        }
        let key = (kind == EnrollmentKind::Group, id.to_ascii_lowercase());
        let mut map = self.store.0.lock().map_err(|_| refused(500))?;
        let former = map.get(&key).map(|f| f["etag"].clone());
        if let Some(etag) = if_match
            && former != Some(json!(etag))
        {
            return Err(refused(412));
        }
        body["etag"] = json!(format!("{:x}", fastrand::u64(..)));
        map.insert(key, body.clone());
        Ok(body)
    }
    pub(crate) fn get(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refused> {
        let key = (kind == EnrollmentKind::Group, id.to_ascii_lowercase());
        self.store
            .0
            .lock()
            .map_err(|_| refused(500))?
            .get(&key)
            .cloned()
            .ok_or_else(|| refused(404))
    }
    pub(crate) fn delete(&self, kind: EnrollmentKind, id: &str, if_match: Option<&str>) -> Result<(), Refused> {
        let etag = self.get(kind, id)?["etag"].clone();
        if if_match.is_some_and(|it| etag != it) {
            return Err(refused(412));
        }
        let key = (kind == EnrollmentKind::Group, id.to_ascii_lowercase());
        self.store.0.lock().map_err(|_| refused(500))?.remove(&key);
        Ok(())
    }
    pub(crate) fn list(&self, kind: EnrollmentKind) -> Vec<Value> {
        let map = self.store.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        map.iter()
            .filter(|((g, _), _)| *g == (kind == EnrollmentKind::Group))
            .map(|(_, v)| v.clone())
            .collect()
    }
    pub(crate) fn attestation_mechanism(&self, kind: EnrollmentKind, id: &str) -> Result<Value, Refused> {
        Ok(self.get(kind, id)?["attestation"].clone())
    }
}

impl Registry {
    pub(crate) fn registration(&self, id: &str) -> Result<Value, Refused> {
        let is = |it: &Value| {
            it["registrationId"]
                .as_str()
                .is_some_and(|it| it.eq_ignore_ascii_case(id))
        };
        self.all_registrations()
            .into_iter()
            .find(is)
            .ok_or_else(|| refused(404))
    }
    pub(crate) fn delete_registration(&self, id: &str, if_match: Option<&str>) -> Result<(), Refused> {
        let etag = self.registration(id)?["etag"].clone();
        if if_match.is_some_and(|it| etag != it) {
            return Err(refused(412));
        }
        self.forget(id);
        Ok(())
    }
    pub(crate) fn registrations_of_group(&self, group: &str) -> Vec<Value> {
        let mut all = self.all_registrations();
        all.retain(|it| it["x509"]["enrollmentGroupId"] == group);
        all
    }
}
