//! The state that results from all changes so far.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{Change, SavedEnrollment};
use crate::{enrollment::EnrollmentRef, registration::SavedRegistration};

/// The enrollments and registrations that are persisted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    /// As the configuration had them at the latest start.
    pub(crate) configured: BTreeMap<EnrollmentRef, Value>,
    pub(crate) enrolled: BTreeMap<EnrollmentRef, Value>,
    /// The latest completed registration of each device, by registration id in lower case.
    pub(crate) registered: BTreeMap<String, SavedRegistration>,
}

impl Image {
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Configured(SavedEnrollment { of, body }) => drop(self.configured.insert(of, body)),
            Change::Enrolled(SavedEnrollment { of, body }) => drop(self.enrolled.insert(of, body)),
            Change::Unenrolled(of) => drop(self.enrolled.remove(&of)),
            Change::Restored(enrollments) => {
                self.enrolled = enrollments.into_iter().map(|it| (it.of, it.body)).collect();
            }
            Change::Registered(registration) => {
                let id = registration.registration_id.to_ascii_lowercase();
                let latest = self.registered.get(&id).map(|it| it.number);
                // An earlier registration of the device may be completed last.
                if latest.is_none_or(|latest| latest <= registration.number) {
                    self.registered.insert(id, *registration);
                }
            }
            Change::Unregistered(id) => drop(self.registered.remove(&id)),
            Change::Cleared => self.registered.clear(),
        }
    }

    /// The fewest changes that result in this state; of registrations the oldest first.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        let saved = |(of, body): (&EnrollmentRef, &Value)| SavedEnrollment {
            of: of.clone(),
            body: body.clone(),
        };
        let configured = self.configured.iter().map(saved).map(Change::Configured);
        let enrolled = self.enrolled.iter().map(saved).map(Change::Enrolled);
        let registered = self.registered.values().cloned().map(Box::new);
        configured.chain(enrolled).chain(registered.map(Change::Registered))
    }
}
