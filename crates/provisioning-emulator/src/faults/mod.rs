//! Faults: named deviations from the service's behaviour, at a step, for a device, a number of times.

mod chaos;
mod description;
mod effect;
mod error;
mod fault;
mod list;
mod step;

pub(crate) use chaos::ChaosSettings;
#[cfg(test)]
pub(crate) use chaos::steps_of_faults;
pub(crate) use description::FaultDescription;
pub use effect::{Cut, Effect};
pub use error::FaultError;
pub use fault::Fault;
pub(crate) use list::{Faults, Subject, TooManyFaults, Triggered};
pub use step::Step;
