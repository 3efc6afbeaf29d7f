//! The registration state machine of the device client for Azure IoT Hub Device Provisioning Service (DPS): pure
//! transitions ([`State::step`]), and the async driver around them ([`RegistrationClient`]).
//!
//! It carries requests over any [`PollingTransport`](provisioning_types::PollingTransport), polls at the pace that the
//! service sets, and ends with an [`Assignment`](provisioning_types::Assignment) or a [`RegisterError`]. Most users
//! take the facade crate `provisioning-device`; take this one to drive a transport of your own, or the pure machine
//! without tokio's sockets.
//!
//! ```
//! use std::sync::Arc;
//! use provisioning_client::{Policy, RegistrationClient};
//! use provisioning_types::{Assignment, PollingTransport, RegistrationRequest};
//!
//! async fn register(
//!     transport: Arc<dyn PollingTransport>,
//!     request: RegistrationRequest,
//! ) -> Result<Assignment, Box<dyn std::error::Error>> {
//!     let client = RegistrationClient::new(transport, Policy::default());
//!     let assignment = client.register(request).await?;
//!     client.disconnect().await?;
//!     Ok(assignment)
//! }
//! ```
//!
//! # Limits
//! One registration at a time per client. Waiting uses tokio's clock, so a runtime with time enabled is needed.

mod client;
mod error;
mod event;
mod machine;
mod policy;

pub use client::RegistrationClient;
pub use error::{FailureReason, RegisterError};
pub use event::{StatusEvent, StatusEvents};
pub use machine::{Action, Context, InFlight, Input, Leaving, Output, State, Waiting};
pub use policy::{Policy, Recovery};
