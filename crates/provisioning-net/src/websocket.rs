//! A WebSocket over the byte stream of another connector.

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Phase, Progress, ServiceError, TransportError, WaitStep};
use provisioning_websocket::{Handshake, HandshakeError, connect};

use crate::{
    connection_error::connection_error,
    connector::{BoxedStream, Connector},
    target::Target,
    uri::Scheme,
};

/// A WebSocket with the sub-protocol `mqtt` over another connector's stream, usually TLS.
#[derive(Debug, Clone)]
pub struct WebSocketConnector<C> {
    inner: C,
}

impl<C: Connector> WebSocketConnector<C> {
    /// A WebSocket over the streams of `inner`.
    pub fn new(inner: C) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl<C: Connector> Connector for WebSocketConnector<C> {
    fn scheme(&self) -> Scheme {
        Scheme::Wss
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let stream = self.inner.connect(target, progress).await?;
        // A port that is the scheme's own is left out, as in a URI.
        let uri = target.uri();
        let host = match uri.port() {
            443 => uri.server_name().to_string(),
            port => format!("{}:{port}", uri.server_name()),
        };
        let handshake = Handshake::new(&host, uri.path())
            .with_subprotocol("mqtt")
            .with_max_message_size(target.max_message_size());
        progress.waiting_for(WaitStep::WebSocket, target.peer());
        match connect(stream, &handshake).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(refused(error).in_phase(Phase::Connect)),
        }
    }
}

fn refused(error: HandshakeError) -> TransportError {
    match error {
        HandshakeError::Refused { status, ref reason, .. } => {
            let kind = match status {
                401 | 403 => ErrorKind::Unauthorized,
                404 => ErrorKind::NotFound,
                500.. => ErrorKind::Service,
                _ => ErrorKind::Refused,
            };
            let refusal = TransportError::new(kind, "the WebSocket was refused");
            let service = ServiceError::from_body(status, reason.as_bytes());
            // Another server sends no such JSON.
            if service.error_code().is_some() || service.tracking_id().is_some() {
                refusal.with_source(service)
            } else {
                refusal.with_source(error)
            }
        }
        // TLS that fails and a lost connection mean the same here as later.
        HandshakeError::Io(error) => connection_error(error),
        other => TransportError::new(ErrorKind::UnexpectedResponse, "there is no WebSocket").with_source(other),
    }
}
