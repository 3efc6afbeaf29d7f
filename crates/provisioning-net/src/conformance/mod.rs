//! Tests that a connector keeps the contract of [`Connector`], for the authors of connectors.
//!
//! The author writes a function that returns a [`Setup`]: a new connector, and the service's side of its connections.
//! Then [`all`] runs every case in one test, or each case is a test of its own:
//!
//! ```
//! use async_trait::async_trait;
//! use provisioning_net::{
//!     BoxedStream, Connector, Scheme, ServiceUri, Target, connection_error, conformance::{self, Service, Setup},
//! };
//! use provisioning_types::{ErrorKind, Phase, Progress, TransportError};
//! use tokio::{io::{DuplexStream, duplex}, sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel}};
//!
//! /// The connector under test.
//! struct InMemory(UnboundedSender<DuplexStream>);
//!
//! #[async_trait]
//! impl Connector for InMemory {
//!     async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
//!         target.report(progress);
//!         let (device, service) = duplex(1024);
//!         match self.0.send(service) {
//!             Ok(()) => Ok(Box::new(device)),
//!             Err(_) => Err(TransportError::new(ErrorKind::Connect, "no service").in_phase(Phase::Connect)),
//!         }
//!     }
//! }
//!
//! struct Incoming(UnboundedReceiver<DuplexStream>);
//!
//! #[async_trait]
//! impl Service for Incoming {
//!     async fn connection(&mut self) -> BoxedStream {
//!         Box::new(self.0.recv().await.expect("the connector lives"))
//!     }
//! }
//!
//! fn start() -> Setup {
//!     let (streams, incoming) = unbounded_channel();
//!     let uri = ServiceUri::new(Scheme::Mqtts, "service.test".parse().expect("a host"));
//!     Setup::new(InMemory(streams), uri, Incoming(incoming))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::all(start).await;
//! # }
//! ```
//!
//! A case fails by panicking, and so may a setup.

pub mod connecting;
mod drive;
pub mod streams;

use std::fmt;

use async_trait::async_trait;
use provisioning_types::{ClientCertificate, conformance::Report};

use crate::{
    connector::{BoxedStream, Connector},
    uri::ServiceUri,
};

/// A new connector, and the service that it connects to.
pub struct Setup {
    connector: Box<dyn Connector>,
    uri: ServiceUri,
    attempts: Vec<String>,
    certificate: Option<ClientCertificate>,
    has_messages: bool,
    service: Box<dyn Service>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("uri", &self.uri)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl Setup {
    /// A connector that connects to `service` when it is given `uri`.
    pub fn new(connector: impl Connector + 'static, uri: ServiceUri, service: impl Service + 'static) -> Self {
        Self {
            connector: Box::new(connector),
            attempts: vec![uri.to_string()],
            uri,
            certificate: None,
            has_messages: false,
            service: Box::new(service),
        }
    }

    /// Expects these attempts, in this order, instead of one to the given URI. The service sees the last.
    #[must_use]
    pub fn with_attempts(mut self, uris: impl IntoIterator<Item = String>) -> Self {
        self.attempts = uris.into_iter().collect();
        self
    }

    /// Expects that the connector presents the certificate of its target. The service accepts `certificate`, and
    /// connections without a certificate.
    #[must_use]
    pub fn with_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Expects that the connector limits the size of messages. Each write to the service's stream that is flushed is
    /// one message.
    #[must_use]
    pub fn with_messages(mut self) -> Self {
        self.has_messages = true;
        self
    }
}

/// The service's side of a connector. Dropping it makes the service unreachable; its connections stay.
#[async_trait]
pub trait Service: Send {
    /// The next connection, before any handshake.
    async fn connection(&mut self) -> BoxedStream;

    /// Performs the handshakes that the connector expects; none unless overridden.
    async fn accept(&mut self, connection: BoxedStream) -> Accepted {
        Accepted::new(connection)
    }
}

/// A connection after its handshakes.
pub struct Accepted {
    /// The service's end.
    pub stream: BoxedStream,
    /// The certificate that the connector presented, in DER.
    pub certificate: Option<Vec<u8>>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").finish_non_exhaustive()
    }
}

impl Accepted {
    /// The service's end of a connection, without a client certificate.
    pub fn new(stream: BoxedStream) -> Self {
        Self {
            stream,
            certificate: None,
        }
    }
}

/// Runs every case, also after one has failed. The future is not `Send`: await it in the test itself.
///
/// # Panics
/// A case failed. The message has the name of each that did, and why.
pub async fn all(start: impl Fn() -> Setup) {
    let mut report = Report::default();
    macro_rules! run {
        ($($module:ident: $($case:ident),+;)+) => {
            $($(report.run(stringify!($case), $module::$case(&start)).await;)+)+
        };
    }
    run! {
        connecting:
            each_attempt_is_reported_before_it_begins,
            a_service_that_cannot_be_reached_is_a_connect_error,
            a_connection_that_ends_during_the_handshake_is_an_error,
            a_dropped_connect_closes_the_connection,
            parallel_connects_are_independent,
            the_certificate_of_the_target_is_presented,
            a_message_above_the_limit_of_the_target_is_an_error;
        streams:
            bytes_arrive_unchanged_in_both_directions,
            the_end_of_the_stream_is_passed_on_behind_the_last_bytes,
            a_dropped_stream_closes_the_connection;
    }
    report.finish();
}
