//! The registration state machine of the device client for Azure IoT Hub Device Provisioning Service (DPS): pure
//! transitions ([`Machine::step`]), and the async driver around them (`RegistrationClient`).
//!
//! The driver sends requests over any [`PollingTransport`](provisioning_types::PollingTransport), polls at the pace
//! that the service sets, and returns an [`Assignment`](provisioning_types::Assignment) or a [`RegisterError`]. Most
//! users take the facade crate `provisioning-device`; take this one to drive a transport of your own:
//!
//! ```
//! # #[cfg(feature = "driver")]
//! # mod example {
//! use provisioning_client::{Policy, RegistrationClient};
//! use provisioning_types::{Assignment, PollingTransport, RegistrationRequest};
//!
//! async fn register(
//!     transport: impl PollingTransport + 'static,
//!     request: RegistrationRequest,
//! ) -> Result<Assignment, Box<dyn std::error::Error>> {
//!     let client = RegistrationClient::new(transport, Policy::default());
//!     Ok(client.register_and_disconnect(request).await?)
//! }
//! # }
//! ```
//!
//! The machine alone needs no runtime. It takes inputs and the time, and says what to do next:
//!
//! ```
//! use std::time::Duration;
//! use provisioning_client::{Action, Context, Input, Machine, Next, Policy, Status};
//! use provisioning_types::{Request, Response};
//!
//! let policy = Policy::default();
//! let at = |seconds| Context { now: Duration::from_secs(seconds), jitter: 0.0, policy: &policy };
//!
//! let mut machine = Machine::default();
//! let step = machine.step(Input::Register, &at(0));
//! assert!(matches!(step.next, Next::Start(Action::Send(Request::Register))));
//!
//! // The service responds that it is working on operation 4.op, and asks to wait 3 s.
//! let body = br#"{"operationId":"4.op","status":"assigning"}"#;
//! let response = Response::from_service(202, body, Some(Duration::from_secs(3)), None)?;
//! let step = machine.step(Input::Response(Ok(response)), &at(1));
//! assert!(matches!(step.next, Next::Start(Action::Wait)));
//! assert_eq!(machine.status(), Status::WaitingToPoll);
//! assert_eq!(machine.wake_at(), Some(Duration::from_secs(4)));
//!
//! let step = machine.step(Input::Tick, &at(4));
//! assert!(matches!(step.next, Next::Start(Action::Send(Request::Query { .. }))));
//! # Ok::<(), provisioning_types::TransportError>(())
//! ```
//!
//! # Features
//! - `driver` (default): `RegistrationClient` and `StatusEvents`, on tokio.
//!
//! # Limits
//! One registration at a time per client. The driver waits on tokio's clock, so it needs a runtime with time enabled.

#[cfg(feature = "driver")]
mod driver;
mod error;
mod event;
mod hint;
mod machine;
mod policy;
mod reprovisioning;

#[cfg(feature = "driver")]
pub use driver::{RegistrationClient, StatusEvents};
pub use error::{FailureReason, Outcome, RegisterError};
pub use event::{RegistrationEvent, StatusEvent};
pub use machine::{Action, Context, Input, Machine, Next, Status, Step};
pub use policy::{Policy, Recovery};
pub use reprovisioning::{HubResult, NextAssignment, Provisioned, ReprovisioningPolicy};
