//! Reading and deleting registrations.

use serde_json::Value;

use super::{
    answer::Answer,
    operation::Operation,
    registry::Registry,
    state::{Registration, State},
};
use crate::refusal::Refusal;

impl Registry {
    /// The latest registration of each device, sorted by registration id.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        let all = self.all_registrations();
        let mut registrations: Vec<_> = all.iter().map(Registration::from_state).collect();
        registrations.sort_by_cached_key(|it| it.registration_id.to_ascii_lowercase());
        registrations
    }

    /// The latest registration state of each device.
    pub(crate) fn all_registrations(&self) -> Vec<State> {
        self.operations().latest().map(Operation::state).collect()
    }

    pub(crate) fn registration(&self, id: &str) -> Result<State, Refusal> {
        let operations = self.operations();
        let latest = operations.of_device(&id.to_ascii_lowercase()).next_back();
        let found = latest.map(Operation::state);
        found.ok_or_else(|| Refusal::new(404, 404_202, "Registration not found."))
    }

    /// The state of a registration without the chain that was issued.
    pub(crate) fn registration_without_chain(&self, id: &str) -> Result<State, Refusal> {
        let mut state = self.registration(id)?;
        state.members.remove("issuedCertificateChain");
        Ok(state)
    }

    /// The state of a registration for the device itself.
    pub(crate) fn look_up(&self, id: &str) -> Result<Answer, Refusal> {
        let state = self.registration_without_chain(id)?;
        Ok(Answer::with_state(&state))
    }

    pub(crate) fn delete_registration(&self, id: &str, if_match: Option<&str>) -> Result<(), Refusal> {
        let registration = self.registration(id)?;
        if if_match.is_some_and(|etag| etag != "*" && registration["etag"] != etag) {
            return Err(Refusal::etag_mismatch());
        }
        self.operations().remove_device(&id.to_ascii_lowercase());
        Ok(())
    }

    pub(crate) fn registrations_of_group(&self, group: &str) -> Vec<State> {
        let mut all = self.all_registrations();
        let of_group = |block: &Value| is(&block["enrollmentGroupId"], group);
        all.retain(|it| of_group(&it["x509"]) || of_group(&it["symmetricKey"]));
        all
    }
}

fn is(value: &Value, id: &str) -> bool {
    value.as_str().is_some_and(|it| it.eq_ignore_ascii_case(id))
}
