//! MQTT 3.1.1 over a byte stream, with rumqttc's codec: one task per connection serves it until it ends.

mod codec;
mod connect_error;
mod error;
mod handshake;
mod outgoing;
mod pings;
mod stream;
mod task;
mod turn;

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_net::{Connector, PeerAddress, Scheme, Target};
use provisioning_types::{ErrorKind, InvalidInput, Phase, Progress, TransportError, WaitStep};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio_util::codec::Framed;
use tracing::Instrument;

use self::{
    codec::ClientCodec,
    outgoing::{Command, PublishCommand},
    task::{Connecting, Task},
    turn::Turns,
};
use crate::{
    mqtt_connector::{Login, MqttConnector, MqttSession, SessionEvents},
    permit::WritePermit,
};

/// MQTT over the byte streams of a [`Connector`].
#[derive(Debug)]
pub struct MqttOverStream<C> {
    connector: C,
    turns: Turns,
}

impl<C: Connector> MqttOverStream<C> {
    /// Takes its byte streams from `connector`.
    pub fn new(connector: C) -> Self {
        let turns = Turns::default();
        Self { connector, turns }
    }

    /// Connects without waiting for CONNACK. The trait's futures are boxed: one of them must not box another.
    async fn open(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Session, TransportError> {
        let peer = PeerAddress::new(target.uri());
        let listener = |event| {
            peer.note(&event);
            progress.report(event);
        };
        let mut place = self.turns.join_queue(&login.client_id);
        let keep_alive = login.keep_alive;
        let stream = self.connector.connect(target, Progress::new(&listener)).await?;
        progress.waiting_for(WaitStep::Connack, peer.get());
        let connect = handshake::connect_packet(login).map_err(in_connect)?;
        place.wait_for_turn().await.map_err(in_connect)?;
        let codec = ClientCodec::new(target.max_message_size());
        let framed = Framed::with_capacity(stream, codec, BUFFER_SIZE);
        let (done, accepted) = oneshot::channel();
        let (commands, queue) = mpsc::unbounded_channel();
        let task = Task::connect(framed, connect, keep_alive, Connecting { place, done }, events)?;
        // It serves the connection of the registration whose span this is.
        tokio::spawn(task.run(queue).in_current_span());
        let connack = AsyncMutex::new(Connack::Awaited(accepted));
        Ok(Session { commands, connack })
    }
}

#[async_trait]
impl<C: Connector> MqttConnector for MqttOverStream<C> {
    fn scheme(&self) -> Scheme {
        self.connector.scheme()
    }

    async fn connect(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        let session = self.open(target, login, progress, events).await?;
        session.wait_until_accepted().await?;
        Ok(Arc::new(session))
    }

    async fn connect_early(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        Ok(Arc::new(self.open(target, login, progress, events).await?))
    }
}

fn in_connect(error: impl Into<TransportError>) -> TransportError {
    error.into().in_phase(Phase::Connect)
}

/// The initial size of each of the two buffers, in bytes. Longer packets make them grow.
const BUFFER_SIZE: usize = 1024;

/// The maximum of MQTT's remaining length (MQTT 3.1.1, section 2.2.3).
const LARGEST_PACKET: usize = 268_435_455;

/// The handle of a connection's task. The task ends when the last handle is dropped.
struct Session {
    commands: mpsc::UnboundedSender<Command>,
    connack: AsyncMutex<Connack>,
}

/// Whether CONNECT is accepted.
enum Connack {
    Awaited(oneshot::Receiver<Result<(), TransportError>>),
    /// Every call gets the same outcome.
    Received(Result<(), TransportError>),
}

impl Session {
    /// Completes on an accepting CONNACK.
    async fn wait_until_accepted(&self) -> Result<(), TransportError> {
        let mut connack = self.connack.lock().await;
        let outcome = match &mut *connack {
            Connack::Awaited(receiver) => receiver.await.unwrap_or_else(|_| Err(has_ended())),
            Connack::Received(outcome) => outcome.clone(),
        };
        *connack = Connack::Received(outcome.clone());
        outcome
    }

    /// Sends a command to the task and waits for its result.
    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), TransportError>>) -> Command,
    ) -> Result<(), TransportError> {
        let (done, result) = oneshot::channel();
        // A task that has ended drops the command, and `done` with it.
        let _ = self.commands.send(command(done));
        result.await.unwrap_or_else(|_| Err(has_ended()))
    }
}

fn has_ended() -> TransportError {
    TransportError::new(ErrorKind::Lost, "the connection has ended")
}

#[async_trait]
impl MqttSession for Session {
    async fn accepted(&self) -> Result<(), TransportError> {
        self.wait_until_accepted().await
    }

    async fn subscribe(&self, filter: &str) -> Result<(), TransportError> {
        let topic = mqtt_text("topic", filter)?.into();
        self.command(|done| Command::Subscribe { topic, done }).await
    }

    async fn unsubscribe(&self, filter: &str) -> Result<(), TransportError> {
        let topic = mqtt_text("topic", filter)?.into();
        self.command(|done| Command::Unsubscribe { topic, done }).await
    }

    async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError> {
        self.publish_with_permit(topic, payload, &WritePermit::default()).await
    }

    async fn publish_with_permit(
        &self,
        topic: &str,
        payload: Vec<u8>,
        permit: &WritePermit,
    ) -> Result<(), TransportError> {
        let topic = mqtt_text("topic", topic)?;
        // The topic's length and the packet id take two bytes each.
        if 2 + topic.len() + 2 + payload.len() > LARGEST_PACKET {
            return Err(InvalidInput::new("payload", "one that fits into an MQTT packet: less than 256 MiB").into());
        }
        let permit = permit.clone();
        let publishing = |done| {
            Command::Publish(Box::new(PublishCommand {
                topic: topic.into(),
                payload,
                permit,
                done,
            }))
        };
        self.command(publishing).await
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.command(|done| Command::Disconnect { done }).await
    }
}

/// Checks that MQTT can carry the text: the codec would truncate the length of a longer one to 16 bits.
fn mqtt_text<T: AsRef<str>>(what: &'static str, text: T) -> Result<T, InvalidInput> {
    let shown = text.as_ref();
    if shown.len() > usize::from(u16::MAX) {
        return Err(InvalidInput::new(what, "at most 65535 bytes").with_given(shown));
    }
    Ok(text)
}
