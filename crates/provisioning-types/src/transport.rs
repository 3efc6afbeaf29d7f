//! The contract between the registration state machine and a transport.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{Answer, RegistrationRequest, TransportError};

/// Carries single requests to the service and their answers back; knows nothing of polling.
///
/// One request at a time; `cancel` and `disconnect` arrive while one is in flight and make it fail with
/// [`TransportError::operation_cancelled`].
///
/// A transport that connects reports it through [`Progress`]: without that, a connection whose first request fails
/// counts as none.
///
/// # Cancel safety
/// Dropping the future of any call is safe: a request that was dropped is not sent any more if it was not sent yet, its
/// answer is ignored, and a connection that was being made is closed.
#[doc(alias = "TransportHandlers")]
#[async_trait]
pub trait PollingTransport: Send + Sync {
    /// Sends the registration request and waits for its answer; connects first when not connected.
    ///
    /// # Errors
    /// The connection could not be made or ended, the request was refused (status 300 to 428) or cancelled, or the
    /// answer was none.
    async fn registration_request(
        &self,
        request: &RegistrationRequest,
        progress: &Progress,
    ) -> Result<Answer, TransportError>;

    /// Asks how far the operation is and waits for the answer; connects first when not connected.
    ///
    /// # Errors
    /// As for [`registration_request`](Self::registration_request).
    async fn query_operation_status(
        &self,
        request: &RegistrationRequest,
        operation_id: &str,
        progress: &Progress,
    ) -> Result<Answer, TransportError>;

    /// Makes the request in flight, if any, fail as cancelled. A connection that stands stays; one that is being made
    /// is closed.
    ///
    /// # Errors
    /// Closing the half-made connection failed. The request is cancelled all the same.
    async fn cancel(&self) -> Result<(), TransportError>;

    /// Cancels the request in flight, if any, and leaves the service in an orderly way.
    ///
    /// # Errors
    /// Leaving failed. The connection is gone all the same.
    #[doc(alias = "endSession")]
    async fn disconnect(&self) -> Result<(), TransportError>;

    /// Resolves with the cause once a connection that stood has ended without this side's doing; at once when it ended
    /// since the last request. Pending for ever while there is nothing to lose.
    async fn connection_lost(&self) -> TransportError;
}

/// How far a transport is with making its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionStep {
    /// A connection to this URI is being made.
    Connecting {
        /// Where to, such as `mqtts://global.azure-devices-provisioning.net`.
        uri: String,
    },
    /// The connection stands and answers will be heard; the request follows.
    Connected,
}

/// Where a transport reports its steps; cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(ConnectionStep) + Send + Sync>);

impl Progress {
    /// Calls `listener` with every step. It must not block.
    pub fn new(listener: impl Fn(ConnectionStep) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Nobody listens.
    pub fn ignored() -> Self {
        Self::new(|_| {})
    }

    /// Reports a step.
    pub fn report(&self, step: ConnectionStep) {
        (self.0)(step);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
