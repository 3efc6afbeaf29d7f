//! The faults that are still to strike, and the one place that decides which does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Effect, Fault, Step};

/// The faults of one emulator.
#[derive(Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    /// In the order in which they were given.
    faults: Vec<Fault>,
    /// The latest requests of two different devices, the latest first: the device and its request id.
    requests: Vec<(String, String)>,
}

/// Whom a fault could strike.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who<'a> {
    /// Nobody has said yet who it is.
    Unknown,
    /// This device.
    Device(&'a str),
    /// This device, of whom it has just become known: faults for any device have had their turn.
    OnlyDevice(&'a str),
}

impl Who<'_> {
    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Who::Unknown => None,
            Who::Device(device) | Who::OnlyDevice(device) => Some(device),
        }
    }
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub(crate) fn left(&self) -> Vec<Fault> {
        self.state().faults.clone()
    }

    /// Forgets those that have not struck yet, and takes these.
    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        self.state().faults = faults;
    }

    /// What goes wrong here and now. It counts as having struck.
    pub(crate) fn strike(&self, step: Step, who: Who<'_>) -> Option<Effect> {
        let mut state = self.state();
        let index = state.faults.iter().position(|fault| fault.fits(step, who))?;
        let fault = &mut state.faults[index];
        let effect = fault.effect.clone();
        fault.left = fault.left.map(|left| left - 1);
        if fault.left == Some(0) {
            state.faults.remove(index);
        }
        Some(effect)
    }

    /// Remembers a request. The request id of the latest one of another device, if any.
    pub(crate) fn saw_request(&self, device: &str, request_id: &str) -> Option<String> {
        let requests = &mut self.state().requests;
        requests.retain(|(other, _)| !other.eq_ignore_ascii_case(device));
        requests.truncate(1);
        let foreign = requests.first().map(|(_, request_id)| request_id.clone());
        requests.insert(0, (device.to_owned(), request_id.to_owned()));
        foreign
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn fits(&self, step: Step, who: Who<'_>) -> bool {
        let is_meant = match (&self.device, who) {
            (None, Who::OnlyDevice(_)) | (Some(_), Who::Unknown) => false,
            (None, Who::Unknown | Who::Device(_)) => true,
            (Some(meant), Who::Device(device) | Who::OnlyDevice(device)) => meant.eq_ignore_ascii_case(device),
        };
        is_meant && self.step == step && self.left != Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(effect: Effect) -> Fault {
        Fault::new(effect, Step::Suback).expect("a fault")
    }

    #[test]
    fn the_first_that_fits_strikes_as_often_as_it_says() {
        let faults = Faults::default();
        faults.add(fault(Effect::Join).times(0));
        faults.add(fault(Effect::Withhold).device("A").times(2));
        faults.add(fault(Effect::Garbage));
        faults.add(fault(Effect::Duplicate).always());
        let strike = |who| faults.strike(Step::Suback, who);
        assert_eq!(faults.strike(Step::Puback, Who::Device("a")), None, "another step");
        assert_eq!(strike(Who::Device("a")), Some(Effect::Withhold));
        assert_eq!(strike(Who::Device("b")), Some(Effect::Garbage));
        assert_eq!(strike(Who::Unknown), Some(Effect::Duplicate));
        assert_eq!(strike(Who::Device("a")), Some(Effect::Withhold));
        assert_eq!(strike(Who::Device("a")), Some(Effect::Duplicate));
        assert_eq!(strike(Who::OnlyDevice("a")), None);
        faults.replace(vec![]);
        assert_eq!(strike(Who::Unknown), None);
    }

    #[test]
    fn the_latest_request_of_another_device_is_remembered() {
        let faults = Faults::default();
        assert_eq!(faults.saw_request("a", "1"), None);
        assert_eq!(faults.saw_request("A", "2"), None);
        assert_eq!(faults.saw_request("b", "3").as_deref(), Some("2"));
        assert_eq!(faults.saw_request("b", "4").as_deref(), Some("2"));
        assert_eq!(faults.saw_request("c", "5").as_deref(), Some("4"));
    }
}
