//! Registrations: requests, operations, allocation, and the state of each device.

mod allocation;
mod answer;
mod devices;
mod list;
mod operation;
mod quota;
mod registry;
mod request;
mod saved;
mod state;

pub(crate) use answer::Answer;
pub(crate) use quota::{QuotaSettings, Quotas};
pub(crate) use registry::{Client, Registry, Rules};
pub(crate) use saved::SavedRegistration;
pub(crate) use state::State;
pub use state::{Registration, RegistrationStatus};
