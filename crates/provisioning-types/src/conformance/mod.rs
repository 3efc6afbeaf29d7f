//! Tests that a transport keeps the contract of [`PollingTransport`], for the authors of transports.
//!
//! The author implements a [`TransportHarness`]: it makes transports, and plays the service that they connect to. Then
//! [`all`] runs every case in one test, or each case is a test of its own:
//!
//! ```
//! use provisioning_types::conformance::{self, TransportHarness};
//!
//! async fn the_transport_keeps_the_contract(harness: &dyn TransportHarness) {
//!     conformance::all(harness).await;
//! }
//!
//! async fn the_transport_survives_a_loss(harness: &dyn TransportHarness) {
//!     conformance::connections::a_loss_during_a_request_fails_it_as_lost(harness).await;
//! }
//! ```
//!
//! Nothing here needs a runtime: the harness supplies the clock. A case fails by panicking, and so may a harness. The
//! example `own_transport` of `provisioning-client` has a complete transport with its harness.

pub mod cancellation;
pub mod connections;
mod drive;
mod report;
pub mod requests;

use std::time::Duration;

use async_trait::async_trait;

pub use self::report::Report;
use crate::{
    host::Host,
    identity::{ApiVersion, IdScope, RegistrationId},
    transport::{PollingTransport, Request},
};

/// Makes transports, and the service that each of them connects to.
#[async_trait]
pub trait TransportHarness: Send + Sync {
    /// A new transport that is not connected, and its service.
    fn start(&self) -> (Box<dyn PollingTransport>, Box<dyn Service>);

    /// Waits. The cases wait up to 10 s for what must happen, and 50 ms to see that something does not happen; a paused
    /// clock makes both short.
    async fn sleep(&self, duration: Duration);
}

/// The service that one transport connects to.
#[async_trait]
pub trait Service: Send {
    /// The next connection that the transport opens, before the service has accepted it.
    async fn connection(&mut self) -> Box<dyn Connection>;
}

/// The service's end of one connection. Dropping it ends the connection as a fault of the network does.
#[async_trait]
pub trait Connection: Send {
    /// Accepts the connection so far that the transport has more to do: for MQTT, up to SUBSCRIBE. The connection is
    /// not accepted in full afterwards. Does nothing unless overridden.
    async fn accept_in_part(&mut self) {}

    /// Accepts the connection, so that requests can follow.
    async fn accept(&mut self) -> Presented;

    /// Refuses the credential of the device, instead of accepting the connection.
    async fn refuse(&mut self);

    /// The next request. Dropping the future loses none.
    async fn request(&mut self) -> Received;

    /// Responds to `request`: also to an earlier one than the last, and also a second time. Does not wait for the
    /// transport to read the response.
    async fn respond(&mut self, request: &Received, reply: &Reply);

    /// Completes when the transport has closed the connection. Discards what the transport sends before that.
    async fn closed(&mut self);
}

/// What a transport connects with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The host that it connects to.
    pub host: Host,
    /// The id scope.
    pub id_scope: IdScope,
    /// The registration id.
    pub registration_id: RegistrationId,
    /// The version of the interface.
    pub api_version: ApiVersion,
}

/// A request as the service receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What the response has to name: for MQTT, the `$rid` of the topic. Only the harness reads it.
    pub id: String,
    /// What is asked.
    pub request: Request,
    /// The body of a registration request.
    pub body: Vec<u8>,
}

/// A response for the harness to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP-like status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// How long the device is to wait, in whole seconds.
    pub retry_after: Option<Duration>,
}

/// Runs every case, also after one has failed. The future is not `Send`: await it in the test itself.
///
/// # Panics
/// A case failed. The message has the name of each that did, and why.
pub async fn all(harness: &dyn TransportHarness) {
    let mut report = Report::default();
    macro_rules! run {
        ($($module:ident: $($case:ident),+;)+) => {
            $($(report.run(stringify!($case), $module::$case(harness)).await;)+)+
        };
    }
    run! {
        requests:
            the_first_request_connects_and_the_second_reuses_the_connection,
            a_request_carries_what_the_contract_says,
            a_response_is_read_as_the_contract_says,
            a_repeated_response_is_discarded,
            a_second_request_is_an_invalid_operation_and_the_first_is_not_affected;
        cancellation:
            cancel_fails_the_request_and_keeps_the_connection,
            nothing_of_a_request_is_sent_after_cancel,
            cancel_closes_a_connection_that_is_being_made,
            a_dropped_request_does_not_harm_the_next,
            disconnect_closes_the_connection_and_fails_the_request,
            a_dropped_disconnect_closes_the_connection_too,
            abort_closes_the_connection_without_waiting,
            a_dropped_transport_closes_the_connection;
        connections:
            a_loss_while_idle_is_known_until_the_next_request_connects_again,
            a_loss_during_a_request_fails_it_as_lost,
            a_refused_connection_fails_the_request_and_the_next_connects_again,
            another_device_or_endpoint_gets_a_connection_of_its_own;
    }
    report.finish();
}
