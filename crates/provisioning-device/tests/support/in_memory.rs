//! Connections to an emulator in memory, on which tokio's paused time works.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_device::{Tls, TransportError};
use provisioning_emulator::{Carrier, Emulator, Security};
use provisioning_mqtt::{BoxedStream, Connector, TransportConfig, connection_error};
use provisioning_websocket::{Handshake, HandshakeError, connect};

/// Connects to an emulator in memory, as the facade's connectors do over TCP.
pub(crate) struct InMemory {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) carrier: Carrier,
    pub(crate) tls: Tls,
}

#[async_trait]
impl Connector for InMemory {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        let stream = self.emulator.connect(self.carrier, Security::Tls, 64 * 1024);
        let stream = self.tls.handshake(Box::new(stream), config).await?;
        if self.carrier == Carrier::Mqtt {
            return Ok(stream);
        }
        let handshake = Handshake::new("localhost", config.uri.path())
            .with_subprotocol("mqtt")
            .with_max_message_size(config.max_packet_size);
        match connect(stream, &handshake).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(HandshakeError::Io(error)) => Err(connection_error(error)),
            Err(other) => panic!("no WebSocket: {other}"),
        }
    }
}
