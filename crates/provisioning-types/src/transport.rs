//! The contract between the registration state machine and a transport.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    error_kind::Phase,
    request::RegistrationRequest,
    response::Response,
    transport_error::TransportError,
    waiting::{WaitStep, Waiting},
};

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

/// Sends single requests to the service and returns the responses. A transport does not poll, retry or wait for
/// `retry-after`: the state machine does.
///
/// The module `conformance` (feature `mock`) tests a transport against this contract.
///
/// # The request
/// A transport honours these parts of the [`RegistrationRequest`], in both kinds of [`Request`]:
/// - [`endpoint`](RegistrationRequest::endpoint): where to connect to, instead of the transport's own endpoint.
/// - [`id_scope`](RegistrationRequest::id_scope), [`registration_id`](RegistrationRequest::registration_id) and
///   [`api_version`](RegistrationRequest::api_version), as the protocol carries them.
/// - [`body`](RegistrationRequest::body): the body of [`Request::Register`], byte for byte. It contains the payload and
///   the CSR, so the transport reads neither. A query has no body.
///
/// [`force_registration`](RegistrationRequest::force_registration) is not for the transport.
///
/// The transport reads a response with [`Response::from_service`], which makes the service's refusals (300 to 428)
/// errors and its requests to wait (429 and above) responses. A response belongs to one request: the transport discards
/// a response to a request that has ended, and every response but the first to the same request. A response that has
/// arrived counts even if the connection ends right after it.
///
/// # One request at a time
/// A request is in flight from the first poll of [`send`](Self::send) until its future completes or is dropped, or
/// until `cancel`, `disconnect` or `abort` ends it. From then on the next `send` may begin, even if the future of the
/// ended request has not been polled since. Those three calls therefore never wait for that future.
///
/// # The connection
/// A transport has one connection at most. A request uses the established connection if it leads to the same endpoint
/// and has the same id scope, registration id and api-version. Otherwise the transport closes the established
/// connection and makes another, with a new [`Proof`](crate::Proof). A connection outlives its requests, whatever their
/// outcome, unless it is lost.
///
/// | call | while connecting | request in flight | idle | lost |
/// |---|---|---|---|---|
/// | `cancel` | fails the request, closes | fails the request | nothing | nothing |
/// | `disconnect` | fails the request, closes | fails the request, closes | closes | forgets the loss |
/// | `abort` | as `disconnect`, in the background | same | same | same |
/// | `send` is dropped | closes | discards the response | | |
/// | the transport is dropped | | | closes in the background | nothing |
///
/// Where a cell does not say "closes", an established connection stays. Without a connection and without a request,
/// each call does nothing. A request that a call fails gets [`TransportError::operation_cancelled`]. What its future
/// still holds of a connection, such as an open socket, is closed when that future is next polled or dropped.
///
/// Nothing of a request is sent after `cancel` has returned, or after its future was dropped, whichever future or task
/// is polled first: a request that waits in a queue or a buffer of the transport is discarded. What was handed to the
/// byte stream before counts as sent. If that is a part of the request only, the transport does not send the rest, and
/// closes the connection; `disconnect` sends the rest before it closes.
///
/// # Progress
/// A transport reports [`ConnectionEvent::WaitingFor`] when it begins to wait for someone else, so that the error of a
/// limit which ends the wait names the step and the peer: `host:port`. A limit that ends a wait before a TCP connection
/// stands is a failure to [connect](crate::ErrorKind::Connect). A transport that knows whether the request has arrived
/// reports [`WaitStep::Delivery`] and then [`WaitStep::Response`]; another reports the latter only.
///
/// A transport reports [`ConnectionEvent::Connecting`] before each attempt to reach the service, and
/// [`ConnectionEvent::Connected`] once per connection, before the response to the request. It reports neither when it uses
/// the established connection.
///
/// Without `Connecting`, the client emits no event while the transport connects. Without `Connected`, it does not
/// know of the connection until the first response that is not an error. Until then it takes an error without a phase
/// for a failure to connect, and its `disconnect` after a failed request does not reach the transport: the connection
/// stays open until the transport is dropped.
///
/// # Cancel safety
/// Dropping the future of any call is safe. After a dropped [`send`](Self::send), a request that was not sent yet is
/// not sent any more. A `cancel` or `disconnect` that is dropped after its first poll still ends the request and closes
/// the connection, in the background.
#[doc(alias = "TransportHandlers")]
#[async_trait]
pub trait PollingTransport: Send + Sync {
    /// Sends `request` for `registration` and waits for the response; connects first when not connected.
    ///
    /// # Errors
    /// - [`InvalidOperation`](crate::ErrorKind::InvalidOperation): another request is in flight. It is not affected.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled): `cancel`, `disconnect` or `abort` ended the request.
    /// - [`Lost`](crate::ErrorKind::Lost): the connection ended, at any step. The machine connects again after it.
    /// - The kind of the service's refusal, with the [`ServiceError`](crate::ServiceError) as the source.
    /// - [`UnexpectedResponse`](crate::ErrorKind::UnexpectedResponse): what the service sent cannot be read or used.
    /// - [`Input`](crate::ErrorKind::Input): the credential or the request cannot be used; nothing was sent.
    /// - Any other kind: the connection was not made. [`Unauthorized`](crate::ErrorKind::Unauthorized) means that the
    ///   service refused the credential; the hint is then that of the [`Proof`](crate::Proof), where there is one.
    ///
    /// An error names its [phase](TransportError::in_phase): `connect`, `subscribe`, or that of the request. An error
    /// [without a hint](TransportError::with_hint) shows the hint of the service's error code, or else of its kind.
    #[doc(alias = "registrationRequest")]
    #[doc(alias = "queryOperationStatus")]
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError>;

    /// Resolves with the cause once the established connection has ended without this side closing it; at once if it
    /// has ended already.
    ///
    /// Every call resolves with the same cause, and so does a call that is made after a request that failed because of
    /// the loss, until the next [`send`](Self::send) begins to connect, or `disconnect` or `abort` forgets the loss.
    ///
    /// A call that finds no connection stays pending, and need not notice a later one. So does a call whose connection
    /// this side closes.
    async fn connection_lost(&self) -> TransportError;

    /// Makes the request in flight, if any, fail as cancelled; nothing of it is sent any more. An established
    /// connection stays, unless a part of the request was sent; one that is being made is closed. Does not affect later
    /// requests, even if there is no request to cancel.
    ///
    /// # Errors
    /// Closing the connection that was being made failed. The request is cancelled all the same.
    async fn cancel(&self) -> Result<(), TransportError>;

    /// Cancels the request in flight, if any, and disconnects from the service in an orderly way. Succeeds at once when
    /// there is no connection.
    ///
    /// The wait for a service that does not read is bounded. A request may begin on a new connection meanwhile.
    ///
    /// # Errors
    /// Disconnecting failed. The connection is closed all the same.
    #[doc(alias = "endSession")]
    async fn disconnect(&self) -> Result<(), TransportError>;

    /// Cancels the request in flight and closes the connection without waiting: for a call whose future was dropped,
    /// and for a connection that does not answer.
    fn abort(&self);
}

#[async_trait]
impl<T: PollingTransport + ?Sized> PollingTransport for Arc<T> {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        (**self).send(registration, request, progress).await
    }

    async fn connection_lost(&self) -> TransportError {
        (**self).connection_lost().await
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        (**self).cancel().await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        (**self).disconnect().await
    }

    fn abort(&self) {
        (**self).abort();
    }
}

/// How far a transport has come with its connection, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// A connection to this URI is being made.
    Connecting {
        /// The URI, such as `mqtts://global.azure-devices-provisioning.net`.
        uri: String,
    },
    /// The connection is established and subscribed to responses. The request follows, unless it was sent before.
    Connected,
    /// The TLS handshake is completed, and a CA that was given to this device, not one of the platform's, signed the
    /// server's certificate. A middlebox that inspects TLS has such a CA, and does not forward the device's
    /// certificate.
    GivenCa {
        /// The name of the CA, in quotes.
        issuer: Arc<str>,
    },
    /// The request waits for this from now on. It replaces what was waited for before.
    WaitingFor(Waiting),
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

    /// Reports that the request waits at `step` for `peer`.
    pub fn waiting_for(self, step: WaitStep, peer: impl Into<Arc<str>>) {
        self.report(ConnectionEvent::WaitingFor(Waiting::new(step, peer)));
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
