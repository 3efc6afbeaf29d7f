//! The client of the common case: one device, one credential, one call.

use provisioning_client::{RegisterError, RegistrationClient, StatusEvents};
use provisioning_types::{Assignment, RegistrationRequest, StoredAssignment, TransportError};

/// Registers one device with the provisioning service. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Clone)]
pub struct ProvisioningDeviceClient {
    client: RegistrationClient,
    request: RegistrationRequest,
}

impl ProvisioningDeviceClient {
    pub(crate) fn new(client: RegistrationClient, request: RegistrationRequest) -> Self {
        Self { client, request }
    }

    /// The request that every registration sends, with the registration id.
    pub fn request(&self) -> &RegistrationRequest {
        &self.request
    }

    /// The events from now on.
    pub fn events(&self) -> StatusEvents {
        self.client.events()
    }

    /// Registers the device, disconnects from the service, and returns the service's decision.
    ///
    /// # Errors
    /// [`RegisterError`] says why, at which step, and when to retry. A failed disconnect is not an error; it is emitted
    /// as [`StatusEvent::DisconnectFailed`](crate::StatusEvent::DisconnectFailed).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration and closes the connection; the client can register again at once.
    pub async fn register(&self) -> Result<Assignment, RegisterError> {
        self.client.register_and_disconnect(self.request.clone()).await
    }

    /// The stored assignment if it matches this client's request, and otherwise a new one: for devices that keep theirs
    /// over restarts. [`ReprovisioningPolicy`](crate::ReprovisioningPolicy) says when to register again all the same;
    /// pass `None` then.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    ///
    /// # Cancel safety
    /// As `register`.
    pub async fn register_unless_stored(&self, stored: Option<&StoredAssignment>) -> Result<Assignment, RegisterError> {
        match stored {
            Some(stored) if stored.matches(&self.request) => Ok(stored.assignment().clone()),
            _ => self.register().await,
        }
    }

    /// Completes the registration in progress, if any, as cancelled, at once; its `register` call then disconnects.
    /// Once this has returned, the client can register again.
    ///
    /// # Errors
    /// The transport could not cancel in time; the registration is cancelled all the same.
    pub async fn cancel(&self) -> Result<(), TransportError> {
        self.client.cancel().await
    }
}
