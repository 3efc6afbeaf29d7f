//! The contract between the registration state machine and a transport.

use std::fmt;

use async_trait::async_trait;

use crate::{error_kind::Phase, request::RegistrationRequest, response::Response, transport_error::TransportError};

/// What is asked of the service in one request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    /// Register the device.
    Register,
    /// Report how far an operation has come.
    Query {
        /// The operation, as the service named it.
        operation_id: String,
    },
}

impl Request {
    /// The step of a registration that the request is.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Register => Phase::Register,
            Self::Query { .. } => Phase::Poll,
        }
    }

    /// The operation that is queried.
    pub fn operation_id(&self) -> Option<&str> {
        match self {
            Self::Register => None,
            Self::Query { operation_id } => Some(operation_id),
        }
    }
}

/// Sends single requests to the service and returns the responses. A transport does not poll.
///
/// One request at a time; `cancel` and `disconnect` arrive while one is in flight and make it fail with
/// [`TransportError::operation_cancelled`].
///
/// A transport that connects reports it through [`Progress`]: without these reports, a connection whose first request
/// fails counts as not connected.
///
/// # Cancel safety
/// Dropping the future of any call is safe: a request that was not sent yet is not sent any more, its response is
/// discarded, and a connection that was being made is closed.
#[doc(alias = "TransportHandlers")]
#[async_trait]
pub trait PollingTransport: Send + Sync {
    /// Sends `request` for `registration` and waits for the response; connects first when not connected.
    ///
    /// # Errors
    /// The connection was not made or ended, the service refused the request (status 300 to 428), the request was
    /// cancelled, or the response cannot be read.
    #[doc(alias = "registrationRequest")]
    #[doc(alias = "queryOperationStatus")]
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError>;

    /// Resolves with the cause once an established connection has ended without this side closing it; at once when it
    /// ended since the last request. Stays pending while there is no connection to lose.
    async fn connection_lost(&self) -> TransportError;

    /// Makes the request in flight, if any, fail as cancelled. An established connection stays; one that is being made
    /// is closed.
    ///
    /// # Errors
    /// Closing the connection that was being made failed. The request is cancelled all the same.
    async fn cancel(&self) -> Result<(), TransportError>;

    /// Cancels the request in flight, if any, and disconnects from the service in an orderly way.
    ///
    /// # Errors
    /// Disconnecting failed. The connection is closed all the same.
    #[doc(alias = "endSession")]
    async fn disconnect(&self) -> Result<(), TransportError>;

    /// Cancels the request in flight and closes the connection without waiting: for a call whose future was dropped.
    fn abort(&self);
}

/// How far a transport has come with making its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// A connection to this URI is being made.
    Connecting {
        /// The URI, such as `mqtts://global.azure-devices-provisioning.net`.
        uri: String,
    },
    /// The connection is established and subscribed to responses; the request follows.
    Connected,
}

/// Receives the [`ConnectionEvent`]s of one request. Borrowed, so a transport cannot keep it beyond the request.
#[derive(Clone, Copy)]
pub struct Progress<'a>(&'a (dyn Fn(ConnectionEvent) + Send + Sync));

impl<'a> Progress<'a> {
    /// Calls `listener` with every event. It must not block.
    pub fn new(listener: &'a (dyn Fn(ConnectionEvent) + Send + Sync)) -> Self {
        Self(listener)
    }

    /// Discards every event.
    pub fn ignored() -> Self {
        Self(&|_| {})
    }

    /// Reports an event.
    pub fn report(self, event: ConnectionEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
