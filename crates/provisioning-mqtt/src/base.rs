//! The seam between the transport and MQTT itself: connections as the transport sees them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use provisioning_types::TransportError;

use crate::{ServiceUri, TransportConfig};

/// Makes MQTT connections.
///
/// # Cancel safety
/// Dropping the future closes what was made of the connection so far.
#[doc(alias = "_mqttBase")]
#[async_trait]
pub trait MqttBase: Send + Sync {
    /// Connects: the byte stream, and MQTT's CONNECT up to an accepting CONNACK. `events` hears of everything that the
    /// connection brings from then on; it must not block.
    ///
    /// # Errors
    /// The service was not reached, or refused.
    async fn connect(
        &self,
        config: TransportConfig,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError>;

    /// Where [`connect`](Self::connect) goes first, as a [`Connector`](crate::Connector) tells it.
    fn first_uri(&self, config: &TransportConfig) -> ServiceUri {
        config.uri.clone()
    }
}

/// One MQTT connection. It is served until it ends, whether anybody is asking or not. Dropping the last handle
/// leaves in an orderly way, in the background.
///
/// # Cancel safety
/// A packet whose future was dropped before it was written is not written any more.
#[async_trait]
pub trait MqttSession: Send + Sync {
    /// Subscribes with QoS 1; completes on SUBACK.
    ///
    /// # Errors
    /// The subscription was refused, or the connection ended.
    async fn subscribe(&self, topic: &str) -> Result<(), TransportError>;

    /// Unsubscribes; completes on UNSUBACK, or when the session is disconnected before that.
    ///
    /// # Errors
    /// The connection ended.
    async fn unsubscribe(&self, topic: &str) -> Result<(), TransportError>;

    /// Publishes with QoS 1; completes on PUBACK.
    ///
    /// # Errors
    /// The topic is too long for MQTT, or the connection ended.
    async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError>;

    /// Sends DISCONNECT and closes the connection, within a second.
    ///
    /// # Errors
    /// The peer took nothing more. The connection is closed all the same.
    async fn disconnect(&self) -> Result<(), TransportError>;
}

/// What a connection brings by itself.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// A message arrived on a topic.
    Message(Message),
    /// The connection ended, not by this side's doing.
    Closed(TransportError),
}

/// A message that arrived.
#[derive(Clone)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes on {:?})", self.payload.len(), self.topic)
    }
}

/// Where a connection's events go.
#[derive(Clone)]
pub struct SessionEvents(Arc<dyn Fn(SessionEvent) + Send + Sync>);

impl SessionEvents {
    /// Calls `listener` with every event.
    pub fn new(listener: impl Fn(SessionEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Tells an event.
    pub fn tell(&self, event: SessionEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionEvents")
    }
}
