//! The client of the common case: one device, one credential, one call.

use provisioning_client::{
    HubResult, Provisioned, RegisterError, RegistrationClient, ReprovisioningPolicy, StatusEvents,
};
use provisioning_types::{Assignment, RegistrationRequest, StoredAssignment, TransportError};

/// Registers one device with the provisioning service. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again.
#[derive(Debug, Clone)]
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
    /// over restarts. Says which it was. [`stay_assigned`](Self::stay_assigned) also registers again when the hub wants
    /// it.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    ///
    /// # Cancel safety
    /// As `register`.
    pub async fn register_unless_stored(
        &self,
        stored: Option<&StoredAssignment>,
    ) -> Result<Provisioned, RegisterError> {
        self.client.register_unless_stored(self.request.clone(), stored).await
    }

    /// Keeps the device at its hub: calls `connect` with the assignment, stored or new, and again when it returns,
    /// until it returns [`HubResult::Done`]. `reprovisioning` decides when to register again; between attempts it waits
    /// with back-off and jitter, or as long as the service asks.
    ///
    /// `connect` stores the assignment if it is [new](Provisioned::is_new), connects to the hub, and returns when the
    /// connection has ended. [`close`](Self::close) ends all this: it drops the future of `connect`. A device that
    /// sends a last message to its hub sends it before the client is closed.
    ///
    /// # Errors
    /// A registration failed in a way that trying again does not mend. Closing the client is not an error.
    ///
    /// ```no_run
    /// # use provisioning_device::*;
    /// # use std::{fs, time::{Duration, SystemTime}};
    /// # async fn talk(_: &HubConnection) -> HubResult { HubResult::Done }
    /// # async fn example(client: ProvisioningDeviceClient, key: SymmetricKey) -> Result<(), RegisterError> {
    /// let stored = fs::read("device.json").ok().and_then(|json| serde_json::from_slice(&json).ok());
    /// client
    ///     .stay_assigned(stored, ReprovisioningPolicy::default(), async |provisioned| {
    ///         if provisioned.is_new() {
    ///             let _ = fs::write("device.json", serde_json::json!(provisioned.stored()).to_string());
    ///         }
    ///         let expires_at = SystemTime::now() + Duration::from_secs(3600);
    ///         match HubConnection::from_symmetric_key(provisioned.assignment(), &key, expires_at) {
    ///             // An MQTT client talks to `hub.host()` here, until it is disconnected.
    ///             Ok(hub) => talk(&hub).await,
    ///             // The hub expects another protocol.
    ///             Err(_) => HubResult::Failed,
    ///         }
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future drops what is in progress: a registration, a wait, or the future of `connect`.
    pub async fn stay_assigned<F: Future<Output = HubResult>>(
        &self,
        stored: Option<StoredAssignment>,
        reprovisioning: ReprovisioningPolicy,
        connect: impl FnMut(Provisioned) -> F,
    ) -> Result<(), RegisterError> {
        let request = self.request.clone();
        self.client
            .stay_assigned(request, stored, reprovisioning, connect)
            .await
    }

    /// Closes the client for good: ends the registration in progress, and every later one at once, as cancelled, so
    /// that a retry loop around [`register`](Self::register) ends; ends [`stay_assigned`](Self::stay_assigned);
    /// disconnects.
    ///
    /// To shut down a program with many clients, close all of them at the same time:
    ///
    /// ```
    /// # use provisioning_device::ProvisioningDeviceClient;
    /// # use tokio::task::JoinSet;
    /// async fn shut_down(clients: Vec<ProvisioningDeviceClient>) {
    ///     let closing: JoinSet<_> = clients
    ///         .into_iter()
    ///         .map(|client| async move { client.close().await })
    ///         .collect();
    ///     // A connection that could not be closed in an orderly way is closed all the same.
    ///     closing.join_all().await;
    /// }
    /// ```
    ///
    /// # Errors
    /// Disconnecting failed; the connection is closed all the same.
    pub async fn close(&self) -> Result<(), TransportError> {
        self.client.close().await
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
