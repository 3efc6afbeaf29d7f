//! Reading and deleting registrations.

use std::sync::Arc;

use super::{
    answer::Answer,
    registry::Registry,
    state::{Registration, State},
};
use crate::refusal::Refusal;

/// How many states are read at a time, so that registering does not wait for a long list.
const CHUNK: usize = 1000;

impl Registry {
    /// The latest registration of each device, sorted by registration id.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        let mut registrations: Vec<Registration> = vec![];
        loop {
            let last = registrations.last().map(|it| it.registration_id.to_ascii_lowercase());
            let states = self.page(last.as_deref(), CHUNK);
            if states.is_empty() {
                return registrations;
            }
            registrations.extend(states.iter().map(|state| Registration::from(&**state)));
        }
    }

    /// The latest registration state of a device.
    pub(crate) fn registration(&self, id: &str) -> Result<Arc<State>, Refusal> {
        let found = self.devices().get(&id.to_ascii_lowercase());
        found.ok_or_else(not_found)
    }

    /// The state of a registration for the device itself.
    pub(crate) fn look_up(&self, id: &str) -> Result<Answer, Refusal> {
        let state = self.registration(id)?;
        Ok(Answer::with_state(&state.without_chain()))
    }

    pub(crate) fn delete_registration(&self, id: &str, if_match: Option<&str>) -> Result<(), Refusal> {
        let mut devices = self.devices();
        let id = id.to_ascii_lowercase();
        let state = devices.get(&id).ok_or_else(not_found)?;
        if if_match.is_some_and(|etag| etag != "*" && state.etag() != Some(etag)) {
            return Err(Refusal::etag_mismatch());
        }
        devices.remove(&id);
        Ok(())
    }

    /// The id of the group that admitted a device last, in lower case.
    pub(crate) fn group_of(&self, id: &str) -> Option<Arc<str>> {
        self.devices().group(&id.to_ascii_lowercase())
    }

    /// How many devices are known.
    pub(crate) fn count(&self) -> usize {
        self.devices().len()
    }

    /// The latest states of at most `limit` devices, those after this registration id in lower case, in the order of the
    /// ids.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<State>> {
        self.devices().page(after, limit)
    }

    /// As [`page`](Self::page), of the devices of a group.
    pub(crate) fn page_of_group(&self, group: &str, after: Option<&str>, limit: usize) -> Vec<Arc<State>> {
        self.devices().page_of_group(&group.to_ascii_lowercase(), after, limit)
    }

    /// The latest states of the devices that registered last, the latest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<Arc<State>> {
        self.devices().newest(limit)
    }
}

fn not_found() -> Refusal {
    Refusal::new(404, 404_202, "Registration not found.")
}
