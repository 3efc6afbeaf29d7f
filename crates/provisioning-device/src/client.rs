//! The client of the common case: one device, one credential, one call.

use std::sync::Arc;

use provisioning_client::{FailureReason, RegisterError, RegistrationClient, StatusEvents};
use provisioning_mqtt::MqttTransport;
use provisioning_types::{Assignment, Credential, RegistrationRequest, TransportError};

use crate::{Builder, Transport};

/// Registers one device with the provisioning service. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Clone)]
pub struct ProvisioningDeviceClient {
    client: RegistrationClient,
    transport: Arc<MqttTransport>,
    request: RegistrationRequest,
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
        let abandon = AbandonOnDrop(Some(&self.transport));
        let outcome = self.client.register(self.request.clone()).await;
        // The registration in progress is another caller's: nothing here to leave.
        let in_progress = |error: &RegisterError| matches!(error.reason(), FailureReason::InvalidOperation);
        if !outcome.as_ref().is_err_and(in_progress)
            && let Err(error) = self.client.disconnect().await
        {
            tracing::warn!(%error, "leaving the service failed; the registration's outcome stands");
        }
        abandon.disarm();
        outcome
    }

    /// Ends the registration in progress, if any, at once, as cancelled; its `register` call then leaves the service.
    ///
    /// # Errors
    /// The transport could not cancel in time; the registration is cancelled all the same.
    pub async fn cancel(&self) -> Result<(), TransportError> {
        self.client.cancel().await
    }
}

/// Lets go of the connection when `register` is dropped half-way, where nothing can be awaited any more.
struct AbandonOnDrop<'a>(Option<&'a MqttTransport>);

impl AbandonOnDrop<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(transport) = self.0 {
            transport.abandon();
        }
    }
}
