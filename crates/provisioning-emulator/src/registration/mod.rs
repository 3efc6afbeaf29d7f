//! Registrations: requests, operations, allocation, and the state of each device.

mod allocation;
mod list;
mod operation;
mod registry;
mod request;
mod state;

pub(crate) use registry::{Answer, Client, Registry, Rules};
pub use state::{Registration, RegistrationStatus};
