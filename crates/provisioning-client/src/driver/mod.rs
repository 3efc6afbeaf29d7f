//! The async driver: turns the machine's steps into transport calls and timers.
//!
//! It has no task of its own: `register` drives the machine inside the caller's future; `cancel` and `disconnect` take
//! the machine over and drive it until the transport has closed.

mod closing;
mod events;
mod first_poll;
mod lease;
mod shared;
mod staying;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
};

use provisioning_types::{PollingTransport, RegistrationRequest, TransportError};
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};
use tracing::Instrument;

pub use self::events::StatusEvents;
use self::{
    events::EVENT_CAPACITY,
    shared::{Call, Shared},
};
use crate::{error::Outcome, policy::Policy};

/// Registers a device over any [`PollingTransport`]. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Clone)]
pub struct RegistrationClient(Arc<Shared>);

impl RegistrationClient {
    /// A client over `transport`, with the waits and timeouts of `policy`.
    pub fn new(transport: impl PollingTransport + 'static, policy: Policy) -> Self {
        Self(Arc::new(Shared {
            transport: Arc::new(transport),
            policy,
            origin: Instant::now(),
            events: OnceLock::new(),
            core: Mutex::default(),
            first_poll: Arc::default(),
            gate: Notify::new(),
            closed: AtomicBool::default(),
        }))
    }

    /// The events from now on, of registrations of every clone of this client.
    pub fn events(&self) -> StatusEvents {
        let events = self.0.events.get_or_init(|| broadcast::Sender::new(EVENT_CAPACITY));
        StatusEvents::new(events.subscribe())
    }

    /// Registers the device: sends the request, polls until the service has decided, and returns its decision. The
    /// transport is left connected and idle; [`disconnect`](Self::disconnect) closes the connection.
    ///
    /// # Errors
    /// [`RegisterError`](crate::RegisterError) says why, at which step, and when to retry.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration; the client can register again at once.
    pub async fn register(&self, registration: RegistrationRequest) -> Outcome {
        self.run(&registration, false).await
    }

    /// [`register`](Self::register), and then [`disconnect`](Self::disconnect) after every outcome. Until that is done,
    /// or [`cancel`](Self::cancel) or [`disconnect`](Self::disconnect) was called, another registration is an invalid
    /// operation; after those calls it waits until the transport has closed.
    ///
    /// # Errors
    /// As for `register`. A failed disconnect is not an error; it is emitted as
    /// [`StatusEvent::DisconnectFailed`](crate::StatusEvent::DisconnectFailed).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration and closes the connection; the client can register again at once.
    pub async fn register_and_disconnect(&self, registration: RegistrationRequest) -> Outcome {
        self.run(&registration, true).await
    }

    /// Completes the registration in progress, if any, as cancelled, at once; nothing is sent for it afterwards. The
    /// connection stays. Once this has returned, the client can register again.
    ///
    /// # Errors
    /// The transport could not cancel in time; the registration is cancelled all the same.
    ///
    /// # Cancel safety
    /// The registration is cancelled by the first poll.
    pub async fn cancel(&self) -> Result<(), TransportError> {
        self.0.close_and_release(Call::Cancel).await
    }

    /// Completes the registration in progress, if any, as cancelled, and disconnects from the service in an orderly
    /// way.
    ///
    /// # Errors
    /// Disconnecting failed; the connection is closed all the same.
    ///
    /// # Cancel safety
    /// The registration is cancelled by the first poll.
    #[doc(alias = "endSession")]
    pub async fn disconnect(&self) -> Result<(), TransportError> {
        self.0.close_and_release(Call::Disconnect).await
    }

    /// Disconnects as [`disconnect`](Self::disconnect) does, for good: every later registration, of every clone, fails
    /// at once with [`OperationCancelled`](crate::FailureReason::OperationCancelled), so that a retry loop ends.
    ///
    /// # Errors
    /// As for `disconnect`.
    ///
    /// # Cancel safety
    /// The client is closed by the first poll.
    pub async fn close(&self) -> Result<(), TransportError> {
        self.0.close_for_good().await
    }

    /// Registers within a span that names the device.
    async fn run(&self, registration: &RegistrationRequest, disconnect: bool) -> Outcome {
        let span = tracing::info_span!("register", registration_id = %registration.registration_id());
        self.0.register(registration, disconnect).instrument(span).await
    }
}

impl fmt::Debug for RegistrationClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0.status();
        f.debug_struct("RegistrationClient")
            .field("status", &status)
            .finish_non_exhaustive()
    }
}
