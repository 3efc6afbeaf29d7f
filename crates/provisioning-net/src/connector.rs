//! The contract of a connector.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::{Progress, TransportError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{target::Target, uri::Scheme};

/// Bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Any byte stream.
pub type BoxedStream = Box<dyn ByteStream>;

/// Makes a byte stream to the service, ready for MQTT.
///
/// The module `conformance` (feature `mock`) tests a connector against this contract.
///
/// # The stream
/// `connect` returns the stream when every handshake below MQTT is complete. The stream carries the same bytes in the
/// same order, in both directions at the same time, however they are cut into writes. A flush sends what was written. A
/// shutdown ends the stream for the service. Dropping the stream closes the connection without waiting.
///
/// A read returns the end of the stream after the service has ended it, or an [`io::Error`](std::io::Error). What such
/// an error means is defined by [`connection_error`](crate::connection_error). A connector uses
/// [`InvalidData`](std::io::ErrorKind::InvalidData) for a peer that breaks the rules of the connector's own protocol.
///
/// # Reports
/// The connector that opens the connection calls [`Target::report`] once per attempt, before it begins. A connector
/// over another one passes `progress` on and does not report the attempt. A connector that tries another URI passes it
/// to the connector below with [`Target::with_uri`]. The client emits no `Connecting` for a connection that is not
/// reported. A connector reports no [`ConnectionEvent::Connected`](provisioning_types::ConnectionEvent::Connected): the
/// transport does.
///
/// A connector with TLS reports a [`ConnectionEvent::GivenCa`](provisioning_types::ConnectionEvent::GivenCa) when the
/// server's certificate is accepted for a root that was given to the device.
///
/// A connector calls [`Progress::waiting_for`] before it waits for a peer: the resolver, TCP, a proxy, or the handshake
/// of its own protocol. The error of a limit that ends the wait then names the step and the peer. A proxy that was
/// waited for is named in later failures of the connection too ([`PeerAddress`](crate::PeerAddress)).
///
/// # Time
/// The connector that opens the connection limits the time until the service is reached: name resolution, every address
/// and a proxy's answer. After that time it fails as [`Connect`](provisioning_types::ErrorKind::Connect) and says how
/// far it came. [`TcpConnector`](crate::TcpConnector) allows 12 s. A connector with a handshake needs no timeout: the
/// caller limits the whole request by dropping the future, and a [`FallbackConnector`](crate::FallbackConnector) limits
/// each of its attempts.
///
/// # Parallel calls
/// Calls may overlap. Their connections are independent of each other.
///
/// # Cancel safety
/// Dropping the future closes what was made so far, without waiting.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The scheme of the URIs that this connector expects. One without TLS returns [`Scheme::Mqtt`].
    fn scheme(&self) -> Scheme {
        Scheme::Mqtts
    }

    /// Connects to the target's URI. A connector with TLS presents the target's certificate. A connector whose protocol
    /// has messages accepts none that is larger than the target's limit.
    ///
    /// # Errors
    /// Each names the phase [`Connect`](provisioning_types::Phase::Connect), and one of these kinds:
    /// - [`Input`](provisioning_types::ErrorKind::Input): a setting or the certificate cannot be used. No connection
    ///   was opened or reported.
    /// - [`Connect`](provisioning_types::ErrorKind::Connect): the host was not reached.
    /// - [`Lost`](provisioning_types::ErrorKind::Lost): the connection ended or was reset during a handshake.
    /// - [`Timeout`](provisioning_types::ErrorKind::Timeout): a connector with a timeout of its own for a handshake was
    ///   not answered in time.
    /// - [`Tls`](provisioning_types::ErrorKind::Tls): TLS failed.
    /// - [`Local`](provisioning_types::ErrorKind::Local): this machine can make no further socket, has no CA
    ///   certificates, or its key is not available.
    /// - The kind of the refusal by what is in between (a WebSocket, a proxy), or
    ///   [`UnexpectedResponse`](provisioning_types::ErrorKind::UnexpectedResponse) if the peer does not speak its
    ///   protocol.
    ///
    /// After `Connect`, `Lost` and `Timeout`, a [`FallbackConnector`](crate::FallbackConnector) tries its second
    /// connector, unless the name was not resolved.
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError>;
}

#[async_trait]
impl<C: Connector + ?Sized> Connector for Arc<C> {
    fn scheme(&self) -> Scheme {
        self.as_ref().scheme()
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        self.as_ref().connect(target, progress).await
    }
}
