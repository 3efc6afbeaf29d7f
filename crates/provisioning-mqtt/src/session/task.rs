//! The task that serves one connection: writes what it is told to, acknowledges, pings, and notices the end.

use std::{
    collections::HashMap,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, future::poll_fn};
use provisioning_types::{ErrorKind, Phase, TransportError};
use rumqttc::{Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode, Unsubscribe};
use tokio::{
    io::AsyncWriteExt,
    select,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::codec::Framed;

use super::{codec::ClientCodec, failure};
use crate::{BoxedStream, Message, SessionEvent, SessionEvents};

pub(super) type MqttStream = Framed<BoxedStream, ClientCodec>;

type Done = oneshot::Sender<Result<(), TransportError>>;

/// How much may wait to be written, beside what the users wanted written, before nothing more is read: a peer that does
/// not read is not listened to.
const WRITE_BACKLOG: usize = 64 * 1024;

/// How long leaving may take.
const LEAVING_LIMIT: Duration = Duration::from_secs(1);

/// The longest wait for the answer to a ping.
const PING_LIMIT: Duration = Duration::from_secs(30);

/// What the connection's users want; `done` is told the outcome. A command whose user is gone is not carried out.
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

/// The packet whose acknowledgement is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
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
    awaited: HashMap<u16, (Awaited, Done)>,
    last_id: u16,
    /// How much may wait to be written while packets are still read.
    read_limit: usize,
}

impl Task {
    pub(super) fn new(framed: MqttStream, keep_alive: Duration, events: SessionEvents) -> Self {
        Self {
            framed,
            events,
            pings: Pings::new(keep_alive),
            awaited: HashMap::new(),
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
                    Some(Command::Disconnect { done }) => return self.leave(Some(done)).await,
                    Some(command) => self.carry_out(command),
                    None => return self.leave(None).await,
                },
                packet = poll_fn(|cx| poll_packet(&mut self.framed, self.read_limit, cx)) => {
                    packet.and_then(|packet| self.take(packet))
                }
                () = sleep_until(self.pings.due()) => self.ping(),
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        tracing::debug!(%reason, "the MQTT connection ended");
        for (_, done) in self.awaited.into_values() {
            // Who is gone needs no answer; below likewise.
            let _ = done.send(Err(reason.clone()));
        }
        self.events.tell(SessionEvent::Closed(reason));
    }

    fn carry_out(&mut self, command: Command) -> Result<(), TransportError> {
        match command {
            Command::Subscribe { topic, done } => self.send(Awaited::Subscribe, done, |pkid| {
                let mut subscribe = Subscribe::new(topic, QoS::AtLeastOnce);
                subscribe.pkid = pkid;
                Packet::Subscribe(subscribe)
            }),
            Command::Unsubscribe { topic, done } => self.send(Awaited::Unsubscribe, done, |pkid| {
                let mut unsubscribe = Unsubscribe::new(topic);
                unsubscribe.pkid = pkid;
                Packet::Unsubscribe(unsubscribe)
            }),
            Command::Publish { topic, payload, done } => self.send(Awaited::Publish, done, |pkid| {
                let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
                publish.pkid = pkid;
                Packet::Publish(publish)
            }),
            // `run` leaves instead.
            Command::Disconnect { .. } => Ok(()),
        }
    }

    fn send(&mut self, awaited: Awaited, done: Done, packet: impl FnOnce(u16) -> Packet) -> Result<(), TransportError> {
        if done.is_closed() {
            return Ok(());
        }
        let Some(id) = self.free_id() else {
            let error = TransportError::new(ErrorKind::Refused, "65,535 packets are not acknowledged yet");
            let _ = done.send(Err(error));
            return Ok(());
        };
        self.awaited.insert(id, (awaited, done));
        self.write(packet(id))?;
        // A peer that writes something large itself before it reads this has to be read, or both would wait for ever.
        self.read_limit = self.framed.write_buffer().len() + WRITE_BACKLOG;
        Ok(())
    }

    fn free_id(&mut self) -> Option<u16> {
        (0..u16::MAX).find_map(|_| {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            (!self.awaited.contains_key(&self.last_id)).then_some(self.last_id)
        })
    }

    fn write(&mut self, packet: Packet) -> Result<(), TransportError> {
        self.pings.written();
        queue(&mut self.framed, packet)
    }

    /// Takes what the server sent. [`ClientCodec`] lets nothing else through than what is listed here.
    fn take(&mut self, packet: Packet) -> Result<(), TransportError> {
        match packet {
            Packet::Publish(publish) => self.message(publish),
            Packet::PubAck(ack) => self.acknowledged(ack.pkid, Awaited::Publish, Ok(())),
            Packet::SubAck(ack) => {
                let outcome = subscribed(&ack)?;
                self.acknowledged(ack.pkid, Awaited::Subscribe, outcome)
            }
            Packet::UnsubAck(ack) => self.acknowledged(ack.pkid, Awaited::Unsubscribe, Ok(())),
            Packet::PingResp => {
                // An unsolicited one is ignored.
                self.pings.answered();
                Ok(())
            }
            _ => Err(failure::broken_protocol(
                "the service sent a packet that has no place here",
            )),
        }
    }

    fn message(&mut self, publish: Publish) -> Result<(), TransportError> {
        let (qos, id) = (publish.qos, publish.pkid);
        let message = Message {
            topic: publish.topic,
            payload: publish.payload.into(),
        };
        self.events.tell(SessionEvent::Message(message));
        match qos {
            QoS::AtMostOnce => Ok(()),
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.write(Packet::PubAck(PubAck::new(id))),
        }
    }

    fn acknowledged(
        &mut self,
        id: u16,
        ack: Awaited,
        outcome: Result<(), TransportError>,
    ) -> Result<(), TransportError> {
        match self.awaited.get(&id) {
            Some((awaited, _)) if *awaited != ack => Err(failure::broken_protocol(
                "the service acknowledged a packet as another kind than it was",
            )),
            Some(_) => {
                if let Some((_, done)) = self.awaited.remove(&id) {
                    let _ = done.send(outcome);
                }
                Ok(())
            }
            // A duplicate; nobody waits for it.
            None => {
                tracing::debug!(id, ?ack, "an acknowledgement that nobody waits for");
                Ok(())
            }
        }
    }

    fn ping(&mut self) -> Result<(), TransportError> {
        if self.pings.unanswered() {
            return Err(TransportError::new(
                ErrorKind::Lost,
                "the service did not answer a keep-alive ping",
            ));
        }
        self.write(Packet::PingReq)?;
        self.pings.sent();
        Ok(())
    }

    /// Sends DISCONNECT and closes; a session that is left takes its subscription along, so UNSUBACK is not awaited.
    async fn leave(mut self, done: Option<Done>) {
        let leaving = async {
            queue(&mut self.framed, Packet::Disconnect)?;
            SinkExt::<Packet>::flush(&mut self.framed)
                .await
                .map_err(failure::from_wire)?;
            self.framed
                .get_mut()
                .shutdown()
                .await
                .map_err(failure::connection_error)
        };
        let result = timeout(LEAVING_LIMIT, leaving).await.unwrap_or_else(|_| {
            Err(TransportError::new(
                ErrorKind::Timeout,
                "the service took nothing more within 1 s",
            ))
        });
        let result = result.map_err(|error| error.in_phase(Phase::Disconnect));
        if let Err(error) = &result {
            tracing::debug!(%error, "leaving failed");
        }
        for (_, (awaited, waiting)) in self.awaited {
            let _ = waiting.send(match awaited {
                Awaited::Unsubscribe => Ok(()),
                Awaited::Subscribe | Awaited::Publish => Err(TransportError::operation_cancelled()),
            });
        }
        if let Some(done) = done {
            let _ = done.send(result);
        }
    }
}

/// One filter was asked for, so one code comes back.
fn subscribed(ack: &SubAck) -> Result<Result<(), TransportError>, TransportError> {
    match ack.return_codes.as_slice() {
        [SubscribeReasonCode::Success(_)] => Ok(Ok(())),
        [SubscribeReasonCode::Failure] => Ok(Err(TransportError::new(
            ErrorKind::Refused,
            "the service refused the subscription (SUBACK 0x80)",
        ))),
        _ => Err(failure::broken_protocol(
            "the service answered one subscription with several codes",
        )),
    }
}

/// When to ping, and how long to wait for the answer (MQTT 3.1.1, section 3.1.2.10).
struct Pings {
    keep_alive: Duration,
    last_written: Instant,
    answer_by: Option<Instant>,
}

impl Pings {
    fn new(keep_alive: Duration) -> Self {
        Self {
            keep_alive,
            last_written: Instant::now(),
            answer_by: None,
        }
    }

    fn written(&mut self) {
        self.last_written = Instant::now();
    }

    fn sent(&mut self) {
        self.answer_by = Some(Instant::now() + self.keep_alive.min(PING_LIMIT));
    }

    fn answered(&mut self) {
        self.answer_by = None;
    }

    fn unanswered(&self) -> bool {
        self.answer_by.is_some_and(|by| by <= Instant::now())
    }

    /// When to do something: a ping after three quarters of the keep-alive without a packet, so that it arrives in
    /// time.
    fn due(&self) -> Instant {
        const NEVER: Duration = Duration::from_secs(365 * 86_400);
        match self.answer_by {
            Some(by) => by,
            None if self.keep_alive.is_zero() => Instant::now() + NEVER,
            None => self.last_written + self.keep_alive * 3 / 4,
        }
    }
}

/// Queues a packet to be written; [`poll_packet`] flushes it.
pub(super) fn queue(framed: &mut MqttStream, packet: Packet) -> Result<(), TransportError> {
    framed.start_send_unpin(packet).map_err(failure::from_wire)
}

/// Writes what is queued, and reads the next packet unless more than `read_limit` bytes still wait to be written.
pub(super) fn poll_packet(
    framed: &mut MqttStream,
    read_limit: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<Packet, TransportError>> {
    let flushed = SinkExt::<Packet>::poll_flush_unpin(framed, cx);
    if flushed.is_pending() && framed.write_buffer().len() > read_limit {
        return Poll::Pending;
    }
    // Read even when writing failed: why the peer hung up (a TLS alert, say) may have arrived before that.
    match framed.poll_next_unpin(cx) {
        Poll::Ready(Some(packet)) => Poll::Ready(packet.map_err(failure::from_wire)),
        Poll::Ready(None) => Poll::Ready(Err(failure::ended())),
        Poll::Pending => match flushed {
            Poll::Ready(Err(error)) => Poll::Ready(Err(failure::from_wire(error))),
            _ => Poll::Pending,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        let (stream, _) = tokio::io::duplex(1);
        let framed = Framed::new(Box::new(stream) as BoxedStream, ClientCodec::new(100));
        Task::new(framed, Duration::ZERO, SessionEvents::new(|_| {}))
    }

    fn await_acknowledgement(task: &mut Task, ids: impl IntoIterator<Item = u16>) {
        let done = || (Awaited::Publish, oneshot::channel().0);
        task.awaited.extend(ids.into_iter().map(|id| (id, done())));
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
        assert!(task.carry_out(Command::Publish { topic, payload, done }).is_ok());
        let outcome = outcome.await.expect("an outcome");
        assert_eq!(outcome.expect_err("no id is free").kind(), ErrorKind::Refused);
        assert!(task.framed.write_buffer().is_empty());
    }
}
