//! The task that serves one connection: sends packets, acknowledges, pings, and notices the end.

use std::{collections::HashMap, time::Duration};

use futures_util::{SinkExt, future::poll_fn};
use provisioning_net::connection_error;
use provisioning_types::{ErrorKind, Phase, TransportError};
use rumqttc::{Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode, Unsubscribe};
use tokio::{
    io::AsyncWriteExt,
    select,
    sync::{mpsc, oneshot},
    time::{sleep_until, timeout},
};

use super::{
    error,
    pings::Pings,
    stream::{MqttStream, poll_packet, queue},
};
use crate::mqtt_connector::{Message, SessionEvent, SessionEvents};

type Done = oneshot::Sender<Result<(), TransportError>>;

/// How many bytes may wait to be written, beside the packets of commands, before reading stops: from a peer that does
/// not read, nothing is read.
const WRITE_BACKLOG: usize = 64 * 1024;

/// How long DISCONNECT and closing the stream may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a handle asks for; `done` receives the result. Commands whose caller was dropped are discarded.
#[derive(Debug)]
pub(super) enum Command {
    Subscribe {
        topic: String,
        done: Done,
    },
    Unsubscribe {
        topic: String,
        done: Done,
    },
    Publish {
        topic: String,
        payload: Vec<u8>,
        done: Done,
    },
    Disconnect {
        done: Done,
    },
}

/// The kind of packet that awaits its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AckKind {
    Subscribe,
    Unsubscribe,
    Publish,
}

/// One connection, and what is in flight on it.
pub(super) struct Task {
    framed: MqttStream,
    events: SessionEvents,
    pings: Pings,
    /// By packet id. An id stays here until it is acknowledged, and is not used again before that.
    unacknowledged: HashMap<u16, (AckKind, Done)>,
    last_id: u16,
    /// How many bytes may wait to be written while packets are still read.
    read_limit: usize,
}

impl Task {
    pub(super) fn new(framed: MqttStream, keep_alive: Duration, events: SessionEvents) -> Self {
        Self {
            framed,
            events,
            pings: Pings::new(keep_alive),
            unacknowledged: HashMap::new(),
            last_id: 0,
            read_limit: WRITE_BACKLOG,
        }
    }

    /// Serves the connection until it ends, is disconnected, or its last handle is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let reason = loop {
            let step = select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Disconnect { done }) => return self.disconnect(Some(done)).await,
                    Some(command) => self.handle_command(command),
                    None => return self.disconnect(None).await,
                },
                packet = poll_fn(|cx| poll_packet(&mut self.framed, self.read_limit, cx)) => {
                    packet.and_then(|packet| self.handle_packet(packet))
                }
                () = sleep_until(self.pings.due()) => self.ping(),
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        tracing::debug!(%reason, "the MQTT connection ended");
        for (_, done) in self.unacknowledged.into_values() {
            // The caller may have been dropped; below likewise.
            let _ = done.send(Err(reason.clone()));
        }
        self.events.emit(SessionEvent::Closed(reason));
    }

    fn handle_command(&mut self, command: Command) -> Result<(), TransportError> {
        match command {
            Command::Subscribe { topic, done } => self.send(AckKind::Subscribe, done, |pkid| {
                let mut subscribe = Subscribe::new(topic, QoS::AtLeastOnce);
                subscribe.pkid = pkid;
                Packet::Subscribe(subscribe)
            }),
            Command::Unsubscribe { topic, done } => self.send(AckKind::Unsubscribe, done, |pkid| {
                let mut unsubscribe = Unsubscribe::new(topic);
                unsubscribe.pkid = pkid;
                Packet::Unsubscribe(unsubscribe)
            }),
            Command::Publish { topic, payload, done } => self.send(AckKind::Publish, done, |pkid| {
                let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
                publish.pkid = pkid;
                Packet::Publish(publish)
            }),
            // Handled by `run`.
            Command::Disconnect { .. } => Ok(()),
        }
    }

    fn send(&mut self, kind: AckKind, done: Done, packet: impl FnOnce(u16) -> Packet) -> Result<(), TransportError> {
        if done.is_closed() {
            return Ok(());
        }
        let Some(id) = self.free_id() else {
            let error = TransportError::new(ErrorKind::Refused, "65,535 packets are not acknowledged yet");
            let _ = done.send(Err(error));
            return Ok(());
        };
        self.unacknowledged.insert(id, (kind, done));
        self.write(packet(id))?;
        // If the peer is writing something large before it reads this, both would wait forever unless it is read.
        self.read_limit = self.framed.write_buffer().len() + WRITE_BACKLOG;
        Ok(())
    }

    fn free_id(&mut self) -> Option<u16> {
        (0..u16::MAX).find_map(|_| {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            (!self.unacknowledged.contains_key(&self.last_id)).then_some(self.last_id)
        })
    }

    fn write(&mut self, packet: Packet) -> Result<(), TransportError> {
        self.pings.written();
        queue(&mut self.framed, packet)
    }

    /// Handles a packet from the server. The codec rejects all others than those listed here.
    fn handle_packet(&mut self, packet: Packet) -> Result<(), TransportError> {
        match packet {
            Packet::Publish(publish) => self.message(publish),
            Packet::PubAck(ack) => self.acknowledged(ack.pkid, AckKind::Publish, Ok(())),
            Packet::SubAck(ack) => {
                let outcome = subscribed(&ack)?;
                self.acknowledged(ack.pkid, AckKind::Subscribe, outcome)
            }
            Packet::UnsubAck(ack) => self.acknowledged(ack.pkid, AckKind::Unsubscribe, Ok(())),
            Packet::PingResp => {
                // An unsolicited one is ignored.
                self.pings.handle_response();
                Ok(())
            }
            _ => Err(error::broken_protocol(
                "the service sent a packet that has no place here",
            )),
        }
    }

    fn message(&mut self, publish: Publish) -> Result<(), TransportError> {
        let (qos, id) = (publish.qos, publish.pkid);
        let message = Message::new(publish.topic, publish.payload);
        self.events.emit(SessionEvent::Message(message));
        match qos {
            QoS::AtMostOnce => Ok(()),
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.write(Packet::PubAck(PubAck::new(id))),
        }
    }

    fn acknowledged(
        &mut self,
        id: u16,
        ack: AckKind,
        outcome: Result<(), TransportError>,
    ) -> Result<(), TransportError> {
        match self.unacknowledged.get(&id) {
            Some((kind, _)) if *kind != ack => Err(error::broken_protocol(
                "the service acknowledged a packet as another kind than it was",
            )),
            Some(_) => {
                if let Some((_, done)) = self.unacknowledged.remove(&id) {
                    let _ = done.send(outcome);
                }
                Ok(())
            }
            // A duplicate.
            None => {
                tracing::debug!(id, ?ack, "no packet waits for this acknowledgement");
                Ok(())
            }
        }
    }

    fn ping(&mut self) -> Result<(), TransportError> {
        if self.pings.timed_out() {
            return Err(TransportError::new(
                ErrorKind::Lost,
                "the service did not answer a keep-alive ping",
            ));
        }
        self.write(Packet::PingReq)?;
        self.pings.sent();
        Ok(())
    }

    /// Sends DISCONNECT and closes. The session's subscription ends with it, so UNSUBACK is not awaited.
    async fn disconnect(mut self, done: Option<Done>) {
        let disconnecting = async {
            queue(&mut self.framed, Packet::Disconnect)?;
            SinkExt::<Packet>::flush(&mut self.framed)
                .await
                .map_err(error::from_wire)?;
            self.framed.get_mut().shutdown().await.map_err(connection_error)
        };
        let result = timeout(DISCONNECT_TIMEOUT, disconnecting).await.unwrap_or_else(|_| {
            Err(TransportError::new(
                ErrorKind::Timeout,
                "the service read nothing more within 1 s",
            ))
        });
        let result = result.map_err(|error| error.in_phase(Phase::Disconnect));
        if let Err(error) = &result {
            tracing::debug!(%error, "disconnecting failed");
        }
        for (_, (kind, done)) in self.unacknowledged {
            let _ = done.send(match kind {
                AckKind::Unsubscribe => Ok(()),
                AckKind::Subscribe | AckKind::Publish => Err(TransportError::operation_cancelled()),
            });
        }
        if let Some(done) = done {
            let _ = done.send(result);
        }
    }
}

/// One filter was sent, so one return code is due.
fn subscribed(ack: &SubAck) -> Result<Result<(), TransportError>, TransportError> {
    match ack.return_codes.as_slice() {
        [SubscribeReasonCode::Success(_)] => Ok(Ok(())),
        [SubscribeReasonCode::Failure] => Ok(Err(TransportError::new(
            ErrorKind::Refused,
            "the service refused the subscription (SUBACK 0x80)",
        ))),
        _ => Err(error::broken_protocol(
            "the service answered one subscription with several codes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use provisioning_net::BoxedStream;
    use tokio_util::codec::Framed;

    use super::*;
    use crate::session::codec::ClientCodec;

    fn task() -> Task {
        let (stream, _) = tokio::io::duplex(1);
        let framed = Framed::new(Box::new(stream) as BoxedStream, ClientCodec::new(100));
        Task::new(framed, Duration::ZERO, SessionEvents::new(|_| {}))
    }

    fn await_acknowledgement(task: &mut Task, ids: impl IntoIterator<Item = u16>) {
        let done = || (AckKind::Publish, oneshot::channel().0);
        task.unacknowledged.extend(ids.into_iter().map(|id| (id, done())));
    }

    #[tokio::test]
    async fn packet_ids_start_again_after_the_last_and_pass_over_those_in_use() {
        let mut task = task();
        assert_eq!(task.free_id(), Some(1));
        await_acknowledgement(&mut task, [1, 2, u16::MAX]);
        task.last_id = u16::MAX - 2;
        assert_eq!(task.free_id(), Some(u16::MAX - 1));
        assert_eq!(task.free_id(), Some(3));
    }

    #[tokio::test]
    async fn without_a_free_packet_id_the_packet_is_refused_and_the_connection_stays() {
        let mut task = task();
        await_acknowledgement(&mut task, 1..=u16::MAX);
        assert_eq!(task.free_id(), None);
        let (done, outcome) = oneshot::channel();
        let topic = "a".to_owned();
        let payload = Vec::new();
        assert!(task.handle_command(Command::Publish { topic, payload, done }).is_ok());
        let outcome = outcome.await.expect("an outcome");
        assert_eq!(outcome.expect_err("no id is free").kind(), ErrorKind::Refused);
        assert!(task.framed.write_buffer().is_empty());
    }
}
