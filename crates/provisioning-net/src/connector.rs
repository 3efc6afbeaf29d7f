//! The contract of a connector.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::{Progress, TransportError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{target::Target, uri::Scheme};

/// Bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Any byte stream.
pub type BoxedStream = Box<dyn ByteStream>;

/// Makes a byte stream to the service, ready for MQTT.
///
/// # Cancel safety
/// Dropping the future closes what was made so far.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The scheme of the URIs that this connector expects.
    fn scheme(&self) -> Scheme {
        Scheme::Mqtts
    }

    /// Connects to the target's URI, presenting its certificate if TLS is involved. A connector that opens the
    /// connection itself first calls [`Target::report`].
    ///
    /// # Errors
    /// [`ErrorKind::Connect`](provisioning_types::ErrorKind::Connect) when the host was not reached,
    /// [`ErrorKind::Tls`](provisioning_types::ErrorKind::Tls) when TLS failed, and what a carrier in between (a
    /// WebSocket, a proxy) reports.
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
