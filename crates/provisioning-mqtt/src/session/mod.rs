//! MQTT 3.1.1 over a byte stream, with rumqttc's codec: one task per connection serves it until it ends.

mod codec;
mod failure;
mod handshake;
mod task;

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::{ErrorKind, InvalidInput, TransportError};
use tokio::sync::{mpsc, oneshot};

pub use self::failure::connection_error;
use self::task::{Command, Task};
use crate::{Connector, MqttBase, MqttSession, ServiceUri, SessionEvents, TransportConfig};

/// MQTT over the byte streams of a [`Connector`].
pub struct MqttOverStream {
    connector: Arc<dyn Connector>,
}

impl MqttOverStream {
    /// Takes its byte streams from `connector`.
    pub fn new(connector: Arc<dyn Connector>) -> Self {
        Self { connector }
    }
}

#[async_trait]
impl MqttBase for MqttOverStream {
    async fn connect(
        &self,
        config: TransportConfig,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        let stream = self.connector.connect(&config).await?;
        let framed = handshake::connect(stream, &config).await?;
        let (commands, queue) = mpsc::unbounded_channel();
        tokio::spawn(Task::new(framed, config.keep_alive, events).run(queue));
        Ok(Arc::new(Session { commands }))
    }

    fn first_uri(&self, config: &TransportConfig) -> ServiceUri {
        self.connector.first_uri(config)
    }
}

/// What MQTT's remaining length can say (MQTT 3.1.1, section 2.2.3).
const LARGEST_PACKET: usize = 268_435_455;

/// The handle of a connection's task. The task ends when the last handle is dropped.
struct Session {
    commands: mpsc::UnboundedSender<Command>,
}

impl Session {
    /// Hands a command to the task and waits until it is done.
    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), TransportError>>) -> Command,
    ) -> Result<(), TransportError> {
        let (done, result) = oneshot::channel();
        // A task that is gone drops the command, and `done` with it.
        let _ = self.commands.send(command(done));
        result
            .await
            .unwrap_or_else(|_| Err(TransportError::new(ErrorKind::Lost, "the connection has ended")))
    }
}

#[async_trait]
impl MqttSession for Session {
    async fn subscribe(&self, topic: &str) -> Result<(), TransportError> {
        let topic = text("topic", topic)?;
        self.command(|done| Command::Subscribe { topic, done }).await
    }

    async fn unsubscribe(&self, topic: &str) -> Result<(), TransportError> {
        let topic = text("topic", topic)?;
        self.command(|done| Command::Unsubscribe { topic, done }).await
    }

    async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError> {
        let topic = text("topic", topic)?;
        // With the topic's length and the packet id, two bytes each.
        if 2 + topic.len() + 2 + payload.len() > LARGEST_PACKET {
            return Err(InvalidInput::new("payload", "one that fits into an MQTT packet: less than 256 MiB").into());
        }
        self.command(|done| Command::Publish { topic, payload, done }).await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.command(|done| Command::Disconnect { done }).await
    }
}

/// A text as MQTT can carry it. (The codec would write a longer one with a length cut to 16 bits.)
fn text(what: &'static str, text: &str) -> Result<String, InvalidInput> {
    if text.len() > usize::from(u16::MAX) {
        return Err(InvalidInput::new(what, "at most 65535 bytes").with_given(text));
    }
    Ok(text.to_owned())
}
