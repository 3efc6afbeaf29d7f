//! Operations: registrations in progress or completed, by their ids.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, json};

use super::{
    allocation::{Assigned, Selection},
    answer::Answer,
    request::Request,
    state::State,
};
use crate::enrollment::Allocation;

/// How many operations are kept; the oldest are removed first.
pub(super) const MAX_OPERATIONS: usize = 20_000;

/// One registration of a device.
pub(super) struct Operation {
    /// The registration id in lower case.
    pub(super) device: String,
    /// The registration id as the device wrote it.
    pub(super) registration_id: String,
    /// The number of the MQTT connection that the request came from.
    pub(super) connection: Option<u64>,
    pub(super) request: Request,
    pub(super) allocation: Allocation,
    pub(super) selection: Selection,
    /// How many more queries complete it; `u32::MAX` is never.
    pub(super) polls_left: u32,
    pub(super) created: String,
    /// What completed it.
    pub(super) outcome: Option<Outcome>,
}

/// The end of a registration.
pub(super) struct Outcome {
    pub(super) state: State,
    /// Later queries get the same.
    pub(super) answer: Answer,
}

impl Operation {
    /// Whether the outcome can be determined.
    pub(super) fn is_complete(&self) -> bool {
        self.polls_left == 0 && !matches!(self.selection, Selection::Pending)
    }

    /// The registration state, as the service writes it.
    pub(super) fn state(&self) -> State {
        match &self.outcome {
            Some(outcome) => outcome.state.clone(),
            None => self.assigning(),
        }
    }

    /// The registration state while it is in progress.
    pub(super) fn assigning(&self) -> State {
        let id = json!(self.registration_id);
        State {
            members: Map::from_iter([("registrationId".into(), id), ("status".into(), json!("assigning"))]),
            ..State::default()
        }
    }
}

/// The operations, and where each device is assigned.
#[derive(Default)]
pub(super) struct Operations {
    by_id: HashMap<String, Operation>,
    /// The ids, oldest first.
    order: VecDeque<String>,
    /// The ids of each device, oldest first, by registration id in lower case.
    by_device: HashMap<String, VecDeque<String>>,
    /// The latest assignment of each device, by registration id in lower case.
    pub(super) assigned: HashMap<String, Assigned>,
}

impl Operations {
    pub(super) fn insert(&mut self, id: String, operation: Operation) {
        self.order.push_back(id.clone());
        self.by_device
            .entry(operation.device.clone())
            .or_default()
            .push_back(id.clone());
        self.by_id.insert(id, operation);
        while self.order.len() > MAX_OPERATIONS {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.order.pop_front().and_then(|id| self.by_id.remove(&id));
        let Some(Operation { device, .. }) = oldest else { return };
        if let Some(ids) = self.by_device.get_mut(&device) {
            ids.pop_front();
            if ids.is_empty() {
                self.by_device.remove(&device);
            }
        }
    }

    /// The operation of this device, and the assignments.
    pub(super) fn get_with_assigned(
        &mut self,
        device: &str,
        id: &str,
    ) -> Option<(&mut Operation, &mut HashMap<String, Assigned>)> {
        let operation = self.by_id.get_mut(id).filter(|operation| operation.device == device)?;
        Some((operation, &mut self.assigned))
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.by_id.get_mut(id)
    }

    /// The operations of a device, oldest first.
    pub(super) fn of_device(&self, device: &str) -> impl DoubleEndedIterator<Item = &Operation> + use<'_> {
        let ids = self.by_device.get(device).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id))
    }

    /// The latest operation of each device.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Operation> {
        self.by_device.values().filter_map(|ids| self.by_id.get(ids.back()?))
    }

    /// Removes everything about a device.
    pub(super) fn remove_device(&mut self, device: &str) {
        for id in self.by_device.remove(device).into_iter().flatten() {
            self.by_id.remove(&id);
        }
        self.order.retain(|id| self.by_id.contains_key(id));
        self.assigned.remove(device);
    }
}
