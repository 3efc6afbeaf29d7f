//! A device that stays assigned: from the stored assignment to its hub, and to a new registration when the hub wants
//! it.

use std::time::Duration;

use provisioning_types::{RegistrationRequest, StoredAssignment};
use tokio::{select, time::sleep};

use super::{RegistrationClient, shared::cancelled};
use crate::{
    error::RegisterError,
    reprovisioning::{HubResult, NextAssignment, Provisioned, ReprovisioningPolicy},
};

impl RegistrationClient {
    /// The stored assignment if it matches the request, and otherwise a new one; says which.
    ///
    /// # Errors
    /// As for [`register_and_disconnect`](Self::register_and_disconnect). A [closed](Self::close) client does not
    /// answer from the store either.
    ///
    /// # Cancel safety
    /// As for `register_and_disconnect`.
    pub async fn register_unless_stored(
        &self,
        registration: RegistrationRequest,
        stored: Option<&StoredAssignment>,
    ) -> Result<Provisioned, RegisterError> {
        match stored.filter(|stored| stored.matches(&registration)) {
            Some(_) if self.0.is_closed() => Err(cancelled()),
            Some(stored) => Ok(Provisioned::Stored(stored.clone())),
            None => {
                let assignment = self.register_and_disconnect(registration.clone()).await?;
                Ok(Provisioned::New(StoredAssignment::new(&registration, assignment)))
            }
        }
    }

    /// Keeps a device at its hub. Calls `connect` with the assignment, stored or new, and again when it returns, until
    /// it returns [`HubResult::Done`]. `reprovisioning` decides when to register again; between attempts it waits with
    /// back-off and jitter, or as long as the service asks.
    ///
    /// `connect` stores the assignment if it is [new](Provisioned::is_new), connects to the hub, and returns when the
    /// connection has ended. [`close`](Self::close) ends all this: it drops the future of `connect`. A device that
    /// sends a last message to its hub sends it before the client is closed.
    ///
    /// # Errors
    /// A registration failed in a way that trying again does not mend. Closing the client is not an error.
    ///
    /// # Cancel safety
    /// Dropping the future drops what is in progress: a registration, a wait, or the future of `connect`.
    pub async fn stay_assigned<F: Future<Output = HubResult>>(
        &self,
        registration: RegistrationRequest,
        stored: Option<StoredAssignment>,
        reprovisioning: ReprovisioningPolicy,
        connect: impl FnMut(Provisioned) -> F,
    ) -> Result<(), RegisterError> {
        let staying = self.stay(registration, stored, reprovisioning, connect);
        match staying.await {
            Err(_) if self.0.is_closed() => Ok(()),
            outcome => outcome,
        }
    }

    async fn stay<F: Future<Output = HubResult>>(
        &self,
        registration: RegistrationRequest,
        stored: Option<StoredAssignment>,
        mut reprovisioning: ReprovisioningPolicy,
        mut connect: impl FnMut(Provisioned) -> F,
    ) -> Result<(), RegisterError> {
        let (mut request, mut stored, mut attempts) = (registration, stored, 0_u32);
        loop {
            let mut at_least = Duration::ZERO;
            match self.register_unless_stored(request.clone(), stored.as_ref()).await {
                Ok(provisioned) => {
                    if provisioned.is_new() {
                        reprovisioning.accepted();
                        // What was forced has been done.
                        request = request.with_force_registration(false);
                        stored = Some(provisioned.stored().clone());
                    }
                    let next = match self.unless_closed(connect(provisioned)).await? {
                        HubResult::Done => return Ok(()),
                        HubResult::Disconnected => {
                            attempts = 0;
                            reprovisioning.accepted();
                            NextAssignment::Stored
                        }
                        HubResult::Refused(status) => reprovisioning.refused(status),
                        HubResult::Failed => reprovisioning.failed(),
                    };
                    if next == NextAssignment::New {
                        stored = None;
                    }
                }
                Err(error) if error.is_retryable() => at_least = error.retry_after().unwrap_or_default(),
                Err(error) => return Err(error),
            }
            // From the second of the policy's waits on there is jitter: many devices lose a hub at the same time.
            attempts = attempts.saturating_add(1);
            let wait = self.0.policy.backoff(attempts, fastrand::f64());
            self.unless_closed(sleep(wait.max(at_least))).await?;
        }
    }

    /// # Errors
    /// The client was closed before `future` was ready.
    async fn unless_closed<T>(&self, future: impl Future<Output = T>) -> Result<T, RegisterError> {
        select! {
            biased;
            () = self.0.closed_for_good() => Err(cancelled()),
            output = future => Ok(output),
        }
    }
}
