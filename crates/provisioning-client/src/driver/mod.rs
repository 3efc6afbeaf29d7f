//! The async driver: turns the machine's steps into transport calls and timers.
//!
//! It has no task of its own: `register` drives the machine inside the caller's future; `cancel` and `disconnect` take
//! the machine over and drive it until the transport has closed.

mod lease;

use std::sync::{Arc, Mutex};

use provisioning_types::{PollingTransport, RegistrationRequest, TransportError};
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};

use self::lease::{Call, Shared};
use crate::{
    error::Outcome,
    event::{EVENT_CAPACITY, StatusEvents},
    policy::Policy,
};

/// Registers a device over any [`PollingTransport`]. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Clone)]
pub struct RegistrationClient(Arc<Shared>);

impl RegistrationClient {
    /// A client over `transport`, with the waits and timeouts of `policy`.
    pub fn new(transport: Arc<dyn PollingTransport>, policy: Policy) -> Self {
        Self(Arc::new(Shared {
            transport,
            policy,
            origin: Instant::now(),
            events: broadcast::channel(EVENT_CAPACITY).0,
            core: Mutex::default(),
            gate: Notify::new(),
        }))
    }

    /// The events from now on, of registrations of every clone of this client.
    pub fn events(&self) -> StatusEvents {
        StatusEvents(self.0.events.subscribe())
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
        self.0.register(&registration, false).await
    }

    /// [`register`](Self::register), and then [`disconnect`](Self::disconnect) after every outcome. Until that is done,
    /// or a [`cancel`](Self::cancel) has returned, another registration is an invalid operation.
    ///
    /// # Errors
    /// As for `register`. A failed disconnect is not an error; it is emitted as
    /// [`StatusEvent::DisconnectFailed`](crate::StatusEvent::DisconnectFailed).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration and closes the connection; the client can register again at once.
    pub async fn register_and_disconnect(&self, registration: RegistrationRequest) -> Outcome {
        self.0.register(&registration, true).await
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
}
