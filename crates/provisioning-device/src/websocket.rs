//! MQTT over WebSocket: this project's TLS below, the WebSocket crate's adapter above.

use async_trait::async_trait;
use provisioning_mqtt::{BoxedStream, Connector, TlsConnector, TransportConfig, connection_error};
use provisioning_types::{ErrorKind, Phase, TransportError};
use provisioning_websocket::{Handshake, HandshakeError, connect};

/// A WebSocket over TLS over TCP, with the sub-protocol `mqtt`.
pub(crate) struct WebSocketConnector {
    tls: TlsConnector,
}

impl WebSocketConnector {
    pub(crate) fn new(tls: TlsConnector) -> Self {
        Self { tls }
    }
}

#[async_trait]
impl Connector for WebSocketConnector {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        let stream = self.tls.connect(config).await?;
        // A port that is the scheme's own is left out, as in a URI.
        let uri = &config.uri;
        let host = match uri.port() {
            443 => uri.server_name().to_string(),
            port => format!("{}:{port}", uri.server_name()),
        };
        let handshake = Handshake::new(&host, uri.path())
            .with_subprotocol("mqtt")
            .with_max_message_size(config.max_packet_size);
        match connect(stream, &handshake).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(refused(error).in_phase(Phase::Connect)),
        }
    }
}

fn refused(error: HandshakeError) -> TransportError {
    match error {
        HandshakeError::Refused { status, .. } => {
            let kind = match status {
                401 | 403 => ErrorKind::Unauthorized,
                404 => ErrorKind::NotFound,
                500.. => ErrorKind::Service,
                _ => ErrorKind::Refused,
            };
            TransportError::new(kind, "the WebSocket was refused").with_source(error)
        }
        // Broken TLS and a lost connection look the same here as later.
        HandshakeError::Io(error) => connection_error(error),
        other => TransportError::new(ErrorKind::UnexpectedResponse, "there is no WebSocket").with_source(other),
    }
}
