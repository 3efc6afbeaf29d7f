//! What is known of each device: its operations, and where it is assigned. Every quantity has a limit.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

use super::{
    allocation::{Assigned, Selection},
    operation::{Next, Operation, Progress, Running},
    saved::SavedRegistration,
    state::State,
};
use crate::{
    persistence::{Change, Journal},
    refusal::Refusal,
    webhook::WebhookAnswer,
};

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Devices; the one that registered least recently is forgotten first.
    pub(super) devices: usize,
    /// Operations of each device; the oldest is forgotten first.
    pub(super) operations: usize,
    /// The payloads and signing requests of unfinished registrations, in bytes; more are refused.
    pub(super) unfinished: usize,
    /// The payloads, twins and chains of outcomes, in bytes; the oldest outcomes lose theirs first.
    pub(super) outcomes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            devices: 50_000,
            operations: 4,
            unfinished: 8 * 1024 * 1024,
            outcomes: 4 * 1024 * 1024,
        }
    }
}

/// The devices, by their registration ids in lower case.
#[derive(Default)]
pub(super) struct Devices {
    limits: Limits,
    by_id: BTreeMap<Arc<str>, Device>,
    /// The devices of each group; its id is in lower case.
    by_group: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// By the number of the latest operation.
    by_age: BTreeMap<u64, Arc<str>>,
    /// The operations whose outcomes have something that counts towards the limit.
    large: BTreeMap<u64, Arc<str>>,
    /// The sizes of all unfinished operations, and of all outcomes.
    unfinished: usize,
    outcomes: usize,
    /// The number of the latest operation.
    last: u64,
    /// Takes each change, if registrations are persisted.
    journal: Option<Journal>,
}

/// One device.
#[derive(Default)]
struct Device {
    /// Oldest first; at least one.
    operations: VecDeque<Operation>,
    assigned: Option<Assigned>,
    /// The id of its group in lower case.
    group: Option<Arc<str>>,
}

impl Device {
    fn operation(&mut self, id: &str) -> Option<&mut Operation> {
        self.operations.iter_mut().find(|operation| operation.id == id)
    }

    fn latest(&self) -> Option<&Operation> {
        self.operations.back()
    }
}

impl Devices {
    /// No device is known.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Adds completed registrations of an earlier run, and records changes from now on.
    pub(super) fn restore(&mut self, saved: Vec<SavedRegistration>, journal: Journal) {
        for registration in saved {
            self.restore_one(registration);
        }
        self.journal = Some(journal);
    }

    fn restore_one(&mut self, saved: SavedRegistration) {
        let device = Arc::<str>::from(saved.registration_id.to_ascii_lowercase());
        let (assigned, group) = (saved.assigned.clone(), saved.group.clone());
        let operation = saved.operation();
        self.assign_group(&device, group);
        self.last = self.last.max(operation.number);
        self.by_age.insert(operation.number, Arc::clone(&device));
        if operation.size > 0 {
            self.outcomes += operation.size;
            self.large.insert(operation.number, Arc::clone(&device));
        }
        let entry = self.by_id.entry(device).or_default();
        entry.assigned = assigned;
        entry.operations.push_back(operation);
    }

    /// Records the operation of this number, if it is completed.
    fn record(&self, device: &str, number: u64) {
        let (Some(journal), Some(device)) = (&self.journal, self.by_id.get(device)) else {
            return;
        };
        let operation = device.operations.iter().find(|operation| operation.number == number);
        let saved = operation.and_then(|it| SavedRegistration::of(it, device.assigned.as_ref(), device.group.as_ref()));
        if let Some(saved) = saved {
            journal.record(Change::Registered(Box::new(saved)));
        }
    }

    /// Starts an operation.
    pub(super) fn start(&mut self, device: &str, id: &str, running: Running) -> Result<Next, Refusal> {
        let size = running.request.size();
        if size > 0 && self.unfinished + size > self.limits.unfinished {
            let limit = self.limits.unfinished / (1024 * 1024);
            let message = format!("The payloads and CSRs of unfinished registrations reach the limit of {limit} MiB.");
            return Err(Refusal::throttled(1, message));
        }
        self.last += 1;
        let (number, device) = (self.last, Arc::<str>::from(device));
        let group = running.allocation.group.as_deref();
        self.assign_group(&device, group.map(|group| group.to_ascii_lowercase().into()));
        let mut operation = Operation {
            id: id.to_owned(),
            number,
            registration_id: Arc::clone(&running.registration_id),
            size,
            progress: Progress::Running(Box::new(running)),
        };
        let entry = self.by_id.entry(Arc::clone(&device)).or_default();
        let next = operation.next(entry.assigned.as_ref());
        let former = entry.latest().map(|former| former.number);
        entry.operations.push_back(operation);
        let oldest = match entry.operations.len() > self.limits.operations {
            true => entry.operations.pop_front(),
            false => None,
        };
        self.unfinished += size;
        if let Some(former) = former {
            self.by_age.remove(&former);
        }
        self.by_age.insert(number, device);
        if let Some(oldest) = oldest {
            self.release(&oldest);
        }
        while self.by_id.len() > self.limits.devices
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            let oldest = Arc::clone(oldest);
            self.remove(&oldest);
        }
        Ok(next)
    }

    /// Counts a query of an operation of this device; `None` if there is no such operation.
    pub(super) fn query(&mut self, device: &str, id: &str) -> Option<Next> {
        let device = self.by_id.get_mut(device)?;
        let assigned = device.assigned.clone();
        let operation = device.operation(id)?;
        if let Progress::Running(running) = &mut operation.progress {
            running.count_query();
        }
        Some(operation.next(assigned.as_ref()))
    }

    /// Records what a webhook selected for an operation, according to `select`. The answer counts as the request does, and
    /// is a failure if it does not fit. Returns the hub or the failure; `None` if there is no such unfinished operation.
    pub(super) fn select(
        &mut self,
        device: &str,
        id: &str,
        select: impl FnOnce(&Running) -> Result<WebhookAnswer, String>,
    ) -> Option<Result<String, String>> {
        let operation = self.by_id.get_mut(device)?.operation(id)?;
        let Progress::Running(running) = &mut operation.progress else {
            return None;
        };
        let limit = self.limits.unfinished;
        let selected = select(running).and_then(|answer| match self.unfinished + answer.size() <= limit {
            true => Ok(answer),
            false => Err("the payloads of unfinished registrations leave no room for its answer".to_owned()),
        });
        let size = selected.as_ref().map_or(0, WebhookAnswer::size);
        operation.size += size;
        self.unfinished += size;
        let hub = selected.as_ref().map(|answer| answer.iot_hub_host_name.clone());
        let hub = hub.map_err(String::clone);
        running.selection = Selection::Webhook(selected);
        Some(hub)
    }

    /// Records an outcome, and where the device is assigned from now on. Nothing is recorded if the operation was deleted
    /// meanwhile.
    pub(super) fn end(&mut self, device: &str, id: &str, state: &Arc<State>, assigned: Option<Assigned>) {
        let key = Arc::<str>::from(device);
        let Some(device) = self.by_id.get_mut(device) else {
            return;
        };
        let Some(operation) = device.operations.iter_mut().find(|operation| operation.id == id) else {
            return;
        };
        if let Some(assigned) = assigned {
            device.assigned = Some(assigned);
        }
        self.unfinished -= operation.size;
        operation.size = state.size();
        operation.progress = Progress::Ended(Arc::clone(state));
        let number = operation.number;
        if operation.size > 0 {
            self.outcomes += operation.size;
            self.large.insert(number, Arc::clone(&key));
        }
        self.record(&key, number);
        while self.outcomes > self.limits.outcomes
            && let Some((number, device)) = self.large.pop_first()
        {
            self.reduce(number, &device);
        }
    }

    /// Removes from an outcome what counts towards the limit.
    fn reduce(&mut self, number: u64, id: &str) {
        let device = self.by_id.get_mut(id).into_iter();
        let mut operations = device.flat_map(|device| &mut device.operations);
        if let Some(operation) = operations.find(|operation| operation.number == number)
            && let Progress::Ended(state) = &mut operation.progress
        {
            *state = Arc::new(state.reduced());
            self.outcomes -= operation.size;
            operation.size = 0;
        }
        self.record(id, number);
    }

    /// Removes everything about a device.
    pub(super) fn remove(&mut self, device: &str) {
        self.assign_group(device, None);
        let Some(Device { operations, .. }) = self.by_id.remove(device) else {
            return;
        };
        if let Some(journal) = &self.journal {
            journal.record(Change::Unregistered(device.to_owned()));
        }
        for operation in operations {
            self.release(&operation);
            self.by_age.remove(&operation.number);
        }
    }

    /// Removes everything about all devices.
    pub(super) fn clear(&mut self) {
        let journal = self.journal.take();
        if let Some(journal) = &journal {
            journal.record(Change::Cleared);
        }
        *self = Self {
            journal,
            ..Self::new(self.limits)
        };
    }

    /// Whether the device has been assigned to a hub.
    pub(super) fn is_assigned(&self, device: &str) -> bool {
        self.by_id.get(device).is_some_and(|device| device.assigned.is_some())
    }

    /// The id of the group that admitted a device last, in lower case.
    pub(super) fn group(&self, device: &str) -> Option<Arc<str>> {
        self.by_id.get(device)?.group.clone()
    }

    /// The connections on which the device has started a registration that is not completed.
    pub(super) fn registering_connections(&self, device: &str) -> Vec<u64> {
        let operations = self.by_id.get(device).into_iter().flat_map(|device| &device.operations);
        let connections = operations.filter_map(|operation| match &operation.progress {
            Progress::Running(running) => running.connection,
            Progress::Completing | Progress::Ended(_) => None,
        });
        connections.collect()
    }

    /// The latest registration state of a device.
    pub(super) fn get(&self, device: &str) -> Option<Arc<State>> {
        self.by_id.get(device)?.latest().map(Operation::state)
    }

    /// How many devices are known.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The latest states of at most `limit` devices, those after this registration id, in the order of the ids.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> Vec<Arc<State>> {
        let devices = self.by_id.range::<str, _>(behind(after)).take(limit);
        devices
            .filter_map(|(_, device)| device.latest().map(Operation::state))
            .collect()
    }

    /// As [`page`](Self::page), of one group.
    pub(super) fn page_of_group(&self, group: &str, after: Option<&str>, limit: usize) -> Vec<Arc<State>> {
        let ids = self.by_group.get(group).into_iter();
        let ids = ids.flat_map(|ids| ids.range::<str, _>(behind(after)));
        ids.take(limit).filter_map(|id| self.get(id)).collect()
    }

    /// The latest states of the devices that registered last, the latest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Arc<State>> {
        let ids = self.by_age.values().rev().take(limit);
        ids.filter_map(|id| self.get(id)).collect()
    }

    /// Moves a device to a group.
    fn assign_group(&mut self, id: &str, group: Option<Arc<str>>) {
        let former = self.by_id.get_mut(id).and_then(|device| device.group.take());
        if let Some(former) = former
            && let Some(ids) = self.by_group.get_mut(&former)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_group.remove(&former);
            }
        }
        if let Some(group) = group {
            let id = Arc::<str>::from(id);
            self.by_group
                .entry(Arc::clone(&group))
                .or_default()
                .insert(Arc::clone(&id));
            self.by_id.entry(id).or_default().group = Some(group);
        }
    }

    /// Frees the place of an operation that is removed.
    fn release(&mut self, operation: &Operation) {
        match operation.has_ended() {
            true => {
                self.outcomes -= operation.size;
                self.large.remove(&operation.number);
            }
            false => self.unfinished -= operation.size,
        }
    }
}

/// The ids behind this one.
fn behind(id: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (id.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

#[cfg(test)]
mod tests;
