//! The faults that are left, and the one place that selects the next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    chaos::{Chaos, ChaosSettings},
    effect::Effect,
    fault::Fault,
    step::Step,
};

/// The faults of one emulator.
pub(crate) struct Faults {
    state: Mutex<State>,
    /// Those of the start.
    initial: Vec<Fault>,
    initial_chaos: Option<ChaosSettings>,
}

/// How many faults callers may set: each step looks through them.
const MAX_FAULTS: usize = 1000;

/// There would be too many faults.
#[derive(Debug, thiserror::Error)]
#[error("There may be {MAX_FAULTS} faults; delete some first.")]
pub(crate) struct TooManyFaults;

/// A fault that triggered.
pub(crate) struct Triggered {
    pub(crate) effect: Effect,
    /// Whether it was selected by chance.
    pub(crate) is_chaos: bool,
}

#[derive(Default)]
struct State {
    /// In the order in which they were given.
    faults: Vec<Fault>,
    /// The latest requests of two different devices, the latest first: the device and its request id.
    requests: Vec<(String, String)>,
    /// Selects faults where no other matches.
    chaos: Option<Chaos>,
}

/// The device that a fault can trigger for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// The device is not known yet.
    Unknown,
    /// This device.
    Device(&'a str),
    /// This device, which was unknown at the start of the step: faults for every device were selected then.
    JustIdentified(&'a str),
}

impl Subject<'_> {
    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Subject::Unknown => None,
            Subject::Device(device) | Subject::JustIdentified(device) => Some(device),
        }
    }
}

impl Faults {
    pub(crate) fn new(initial: Vec<Fault>, initial_chaos: Option<ChaosSettings>) -> Self {
        let faults = Self {
            state: Mutex::default(),
            initial,
            initial_chaos,
        };
        faults.reset();
        faults
    }

    /// Makes the faults as they were at the start, with the generator at its seed, and forgets requests.
    pub(crate) fn reset(&self) {
        *self.state() = State {
            faults: self.initial.clone(),
            requests: vec![],
            chaos: self.initial_chaos.map(Chaos::new),
        };
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub(crate) fn left(&self) -> Vec<Fault> {
        self.state().faults.clone()
    }

    /// Adds all of these, or none if there would be too many.
    pub(crate) fn extend(&self, faults: Vec<Fault>) -> Result<(), TooManyFaults> {
        let left = &mut self.state().faults;
        if left.len() + faults.len() > MAX_FAULTS {
            return Err(TooManyFaults);
        }
        left.extend(faults);
        Ok(())
    }

    /// Replaces the faults that are left.
    pub(crate) fn replace(&self, faults: Vec<Fault>) -> Result<(), TooManyFaults> {
        if faults.len() > MAX_FAULTS {
            return Err(TooManyFaults);
        }
        self.state().faults = faults;
        Ok(())
    }

    /// Removes all.
    pub(crate) fn clear(&self) {
        self.state().faults.clear();
    }

    /// Removes the first fault that equals this one. Returns whether there was one.
    pub(crate) fn remove(&self, fault: &Fault) -> bool {
        let mut state = self.state();
        let index = state.faults.iter().position(|left| left == fault);
        index.map(|index| state.faults.remove(index)).is_some()
    }

    /// Replaces the faults that name this device.
    pub(crate) fn replace_of(&self, device: &str, faults: Vec<Fault>) {
        let mut state = self.state();
        let is_other = |fault: &Fault| {
            fault
                .named_device()
                .is_none_or(|named| !named.eq_ignore_ascii_case(device))
        };
        state.faults.retain(is_other);
        state.faults.extend(faults);
    }

    /// The settings of chaos, if it is on.
    pub(crate) fn chaos(&self) -> Option<ChaosSettings> {
        self.state().chaos.as_ref().map(|chaos| chaos.settings)
    }

    /// Turns chaos on with its generator at the seed, or off.
    pub(crate) fn set_chaos(&self, settings: Option<ChaosSettings>) {
        self.state().chaos = settings.map(Chaos::new);
    }

    /// The first fault that matches, which counts as triggered, else one by chance.
    pub(crate) fn trigger(&self, step: Step, subject: Subject<'_>) -> Option<Triggered> {
        let mut state = self.state();
        let Some(index) = state.faults.iter().position(|fault| fault.matches(step, subject)) else {
            // The step has had its chance.
            let is_second = matches!(subject, Subject::JustIdentified(_));
            let chaos = state.chaos.as_mut().filter(|_| !is_second);
            let effect = chaos?.select(step)?;
            return Some(Triggered { effect, is_chaos: true });
        };
        let fault = &mut state.faults[index];
        let effect = fault.effect.clone();
        fault.left = fault.left.map(|left| left - 1);
        if fault.left == Some(0) {
            state.faults.remove(index);
        }
        Some(Triggered {
            effect,
            is_chaos: false,
        })
    }

    /// Records a request. Returns the request id of the latest request of another device.
    pub(crate) fn record_request(&self, device: &str, request_id: &str) -> Option<String> {
        let requests = &mut self.state().requests;
        requests.retain(|(other, _)| !other.eq_ignore_ascii_case(device));
        requests.truncate(1);
        let foreign = requests.first().map(|(_, request_id)| request_id.clone());
        requests.insert(0, (device.to_owned(), request_id.to_owned()));
        foreign
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn matches(&self, step: Step, subject: Subject<'_>) -> bool {
        let is_named = match (&self.device, subject) {
            (None, Subject::JustIdentified(_)) | (Some(_), Subject::Unknown) => false,
            (None, Subject::Unknown | Subject::Device(_)) => true,
            (Some(named), Subject::Device(device) | Subject::JustIdentified(device)) => {
                named.eq_ignore_ascii_case(device)
            }
        };
        is_named && self.step == step && self.left != Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(effect: Effect) -> Fault {
        Fault::new(effect, Step::Suback).expect("a fault")
    }

    #[test]
    fn the_first_fault_that_matches_triggers_as_often_as_it_says() {
        let faults = Faults::new(vec![], None);
        faults.add(fault(Effect::Join).times(0));
        faults.add(fault(Effect::Withhold).device("A").times(2));
        faults.add(fault(Effect::Garbage));
        faults.add(fault(Effect::Duplicate).always());
        let effect = |step, subject| faults.trigger(step, subject).map(|triggered| triggered.effect);
        let trigger = |subject| effect(Step::Suback, subject);
        assert_eq!(effect(Step::Puback, Subject::Device("a")), None, "another step");
        assert_eq!(trigger(Subject::Device("a")), Some(Effect::Withhold));
        assert_eq!(trigger(Subject::Device("b")), Some(Effect::Garbage));
        assert_eq!(trigger(Subject::Unknown), Some(Effect::Duplicate));
        assert_eq!(trigger(Subject::Device("a")), Some(Effect::Withhold));
        assert_eq!(trigger(Subject::Device("a")), Some(Effect::Duplicate));
        assert_eq!(trigger(Subject::JustIdentified("a")), None);
        faults.clear();
        assert_eq!(trigger(Subject::Unknown), None);
    }

    #[test]
    fn there_are_at_most_a_thousand_faults_and_what_does_not_fit_changes_nothing() {
        let faults = Faults::new(vec![], None);
        let some = |count| vec![fault(Effect::Garbage); count];
        faults.extend(some(600)).expect("room");
        faults.extend(some(401)).expect_err("no room for all");
        faults.replace(some(1001)).expect_err("no room");
        assert_eq!(faults.left().len(), 600);
        faults.replace(some(1000)).expect("room");
        faults.extend(some(1)).expect_err("no room");
        faults.extend(vec![]).expect("none");
    }

    #[test]
    fn the_latest_request_of_another_device_is_remembered() {
        let faults = Faults::new(vec![], None);
        assert_eq!(faults.record_request("a", "1"), None);
        assert_eq!(faults.record_request("A", "2"), None);
        assert_eq!(faults.record_request("b", "3").as_deref(), Some("2"));
        assert_eq!(faults.record_request("b", "4").as_deref(), Some("2"));
        assert_eq!(faults.record_request("c", "5").as_deref(), Some("4"));
    }
}
