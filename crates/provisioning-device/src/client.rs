//! The client of the common case: one device, one credential, one call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use provisioning_client::{RegisterError, RegistrationClient, StatusEvents};
use provisioning_mqtt::MqttTransport;
use provisioning_types::{Assignment, Credential, RegistrationRequest, StoredAssignment, TransportError};

use crate::{Builder, Transport};

/// Registers one device with the provisioning service. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Clone)]
pub struct ProvisioningDeviceClient {
    client: RegistrationClient,
    transport: Arc<MqttTransport>,
    request: RegistrationRequest,
    /// Whether a call of `register` is in progress: it ends when it has left, not with the answer.
    busy: Arc<AtomicBool>,
}

impl ProvisioningDeviceClient {
    /// Starts with what every client needs: the id scope of the service instance, the device's credential, and the
    /// transport.
    pub fn builder(id_scope: impl Into<String>, credential: impl Into<Credential>, transport: Transport) -> Builder {
        Builder::new(id_scope.into(), credential.into(), transport)
    }

    pub(crate) fn new(client: RegistrationClient, transport: Arc<MqttTransport>, request: RegistrationRequest) -> Self {
        Self {
            client,
            transport,
            request,
            busy: Arc::default(),
        }
    }

    /// What will be asked for: the registration id among it.
    pub fn request(&self) -> &RegistrationRequest {
        &self.request
    }

    /// What happens from now on.
    pub fn events(&self) -> StatusEvents {
        self.client.events()
    }

    /// Registers the device, leaves the service, and returns its decision.
    ///
    /// # Errors
    /// [`RegisterError`] says why, at which step, and when to come back. That leaving failed is none: it is told as
    /// [`StatusEvent::DisconnectFailed`](crate::StatusEvent::DisconnectFailed).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration and closes the connection; the client can register again at once.
    pub async fn register(&self) -> Result<Assignment, RegisterError> {
        let in_progress = InProgress::begin(self).ok_or_else(RegisterError::invalid_operation)?;
        let outcome = self.client.register(self.request.clone()).await;
        if let Err(error) = self.client.disconnect().await {
            tracing::warn!(%error, "leaving the service failed; the registration's outcome stands");
        }
        in_progress.end();
        outcome
    }

    /// The stored assignment if it answers this client's request, and otherwise a new one: for devices that keep theirs
    /// over restarts. [`HubRefusals`](crate::HubRefusals) says when the stored one no longer serves; then pass `None`.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    ///
    /// # Cancel safety
    /// As `register`.
    pub async fn register_unless_stored(&self, stored: Option<&StoredAssignment>) -> Result<Assignment, RegisterError> {
        match stored {
            Some(stored) if stored.answers(&self.request) => Ok(stored.assignment().clone()),
            _ => self.register().await,
        }
    }

    /// Ends the registration in progress, if any, at once, as cancelled; its `register` call then leaves the service.
    ///
    /// # Errors
    /// The transport could not cancel in time; the registration is cancelled all the same.
    pub async fn cancel(&self) -> Result<(), TransportError> {
        self.client.cancel().await
    }
}

/// A call of `register` from its beginning until it has left the service.
struct InProgress<'a> {
    client: &'a ProvisioningDeviceClient,
    ended: bool,
}

impl<'a> InProgress<'a> {
    /// `None` while another call is in progress.
    fn begin(client: &'a ProvisioningDeviceClient) -> Option<Self> {
        let busy = client.busy.swap(true, Ordering::AcqRel);
        (!busy).then_some(Self { client, ended: false })
    }

    fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // Dropped half-way, where nothing can be awaited any more.
            self.client.transport.abandon();
        }
        self.client.busy.store(false, Ordering::Release);
    }
}
