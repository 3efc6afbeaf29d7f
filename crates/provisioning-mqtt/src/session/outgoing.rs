//! What one connection sends: packets in their order, and a PUBLISH only while it may be sent.

use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Buf;
use futures_util::future::poll_fn;
use provisioning_net::connection_error;
use provisioning_types::{ErrorKind, TransportError};
use rumqttc::{Packet, Publish, QoS, Subscribe, Unsubscribe};
use tokio::{io::AsyncWriteExt, sync::oneshot};

use super::{
    pings::Pings,
    stream::{self, MqttStream, poll_flush, poll_read, queue},
};
use crate::permit::{WritePermit, Written};

pub(super) type Done = oneshot::Sender<Result<(), TransportError>>;

/// How many bytes may wait to be written, beside the packets of commands, before reading stops. Otherwise a peer that
/// does not read could make the buffer grow.
const WRITE_BACKLOG: usize = 64 * 1024;

/// What a handle asks for; `done` receives the result. Commands whose caller was dropped are discarded. It has no `Debug`,
/// which would show payloads. It is small: a channel allocates room for 32 of them.
pub(super) enum Command {
    Subscribe { topic: Box<str>, done: Done },
    Unsubscribe { topic: Box<str>, done: Done },
    Publish(Box<PublishCommand>),
    Disconnect { done: Done },
}

pub(super) struct PublishCommand {
    pub(super) topic: Box<str>,
    pub(super) payload: Vec<u8>,
    pub(super) permit: WritePermit,
    pub(super) done: Done,
}

/// The kind of packet that awaits its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckKind {
    Subscribe,
    Unsubscribe,
    Publish,
}

/// A command that awaits its acknowledgement.
type Unacknowledged = (AckKind, Done);

/// A PUBLISH of which not all bytes have been handed to the stream.
struct Publishing {
    id: u16,
    permit: WritePermit,
    /// How many bytes are in the buffer in front of it.
    before: usize,
    length: usize,
    /// How many of its bytes are still in the buffer.
    left: usize,
}

impl Publishing {
    /// Takes note of how many bytes were written, and returns how much of the packet has been.
    fn wrote(&mut self, bytes: usize) -> Written {
        let before = bytes.min(self.before);
        self.before -= before;
        self.left = self.left.saturating_sub(bytes - before);
        match self.left {
            0 => Written::All,
            left if left == self.length => Written::Nothing,
            _ => Written::Part,
        }
    }
}

/// The packets of one connection that wait to be sent, or to be acknowledged.
pub(super) struct Outgoing {
    framed: MqttStream,
    pub(super) pings: Pings,
    /// How many bytes of CONNECT are still in the buffer.
    connect_left: usize,
    /// Commands whose packet is not encoded yet: those behind a PUBLISH that waits until the one before it is written.
    queue: VecDeque<Command>,
    publishing: Option<Publishing>,
    /// Whether the connection is ended in an orderly way: a packet that was begun is completed.
    is_disconnecting: bool,
    /// By packet id. An id stays here until it is acknowledged, and is not used again before that.
    pub(super) unacknowledged: HashMap<u16, Unacknowledged>,
    last_id: u16,
    /// How many bytes may wait to be written while packets are still read.
    read_limit: usize,
}

impl Outgoing {
    pub(super) fn new(framed: MqttStream, keep_alive: Duration) -> Self {
        Self {
            framed,
            pings: Pings::new(keep_alive),
            connect_left: 0,
            queue: VecDeque::new(),
            publishing: None,
            is_disconnecting: false,
            unacknowledged: HashMap::new(),
            last_id: 0,
            read_limit: WRITE_BACKLOG,
        }
    }

    /// Queues CONNECT, the first packet.
    pub(super) fn connect(&mut self, connect: Packet) -> Result<(), TransportError> {
        self.write(connect)?;
        self.connect_left = self.framed.write_buffer().len();
        Ok(())
    }

    /// Whether all of CONNECT was handed to the stream. A part of it is never handled.
    pub(super) fn has_sent_connect(&self) -> bool {
        self.connect_left == 0
    }

    /// The stream, for what a peer that does not speak MQTT has sent.
    pub(super) fn framed(&mut self) -> &mut MqttStream {
        &mut self.framed
    }

    pub(super) fn handle_command(&mut self, command: Command) -> Result<(), TransportError> {
        self.encode_commands()?;
        if self.queue.is_empty() && !self.must_wait(&command) {
            return self.encode(command);
        }
        self.queue.push_back(command);
        Ok(())
    }

    fn must_wait(&self, command: &Command) -> bool {
        matches!(command, Command::Publish(_)) && self.publishing.is_some()
    }

    /// Encodes commands in their order, but only one PUBLISH at a time, so that it can still be taken back.
    fn encode_commands(&mut self) -> Result<(), TransportError> {
        while let Some(command) = self.queue.pop_front() {
            if self.must_wait(&command) {
                self.queue.push_front(command);
                return Ok(());
            }
            self.encode(command)?;
        }
        Ok(())
    }

    fn encode(&mut self, command: Command) -> Result<(), TransportError> {
        match command {
            Command::Subscribe { topic, done } => {
                self.send(AckKind::Subscribe, done, |pkid| {
                    let mut subscribe = Subscribe::new(topic, QoS::AtLeastOnce);
                    subscribe.pkid = pkid;
                    Packet::Subscribe(subscribe)
                })?;
            }
            Command::Unsubscribe { topic, done } => {
                self.send(AckKind::Unsubscribe, done, |pkid| {
                    let mut unsubscribe = Unsubscribe::new(topic);
                    unsubscribe.pkid = pkid;
                    Packet::Unsubscribe(unsubscribe)
                })?;
            }
            Command::Publish(publish) if publish.permit.is_revoked() => {
                // The caller may have been dropped; below likewise.
                let _ = publish.done.send(Err(TransportError::operation_cancelled()));
            }
            Command::Publish(publish) => {
                let PublishCommand {
                    topic,
                    payload,
                    permit,
                    done,
                } = *publish;
                let before = self.framed.write_buffer().len();
                let id = self.send(AckKind::Publish, done, |pkid| {
                    let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
                    publish.pkid = pkid;
                    Packet::Publish(publish)
                })?;
                let length = self.framed.write_buffer().len() - before;
                self.publishing = id.map(|id| Publishing {
                    id,
                    permit,
                    before,
                    length,
                    left: length,
                });
            }
            // Handled by `run`.
            Command::Disconnect { .. } => {}
        }
        Ok(())
    }

    /// Encodes a packet, and returns its id; `None` if it is discarded.
    fn send(
        &mut self,
        kind: AckKind,
        done: Done,
        packet: impl FnOnce(u16) -> Packet,
    ) -> Result<Option<u16>, TransportError> {
        if done.is_closed() {
            return Ok(None);
        }
        let Some(id) = self.free_id() else {
            let error = TransportError::new(ErrorKind::Refused, "65,535 packets are not acknowledged yet");
            let _ = done.send(Err(error));
            return Ok(None);
        };
        self.unacknowledged.insert(id, (kind, done));
        self.write(packet(id))?;
        // If the peer is writing something large before it reads this, both would wait forever unless it is read.
        self.read_limit = self.framed.write_buffer().len() + WRITE_BACKLOG;
        Ok(Some(id))
    }

    /// Writes what may be written, and reads the next packet unless more than `read_limit` bytes still wait to be
    /// written.
    pub(super) fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Result<Packet, TransportError>> {
        let flushed = self.poll_flush(cx);
        if flushed.is_pending() && self.framed.write_buffer().len() > self.read_limit {
            return Poll::Pending;
        }
        poll_read(&mut self.framed, flushed, cx)
    }

    /// Writes everything that may be written: a PUBLISH only while its permit is not revoked.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        loop {
            self.encode_commands()?;
            let Some(publishing) = &self.publishing else {
                ready!(self.write_buffer(cx).0)?;
                if self.queue.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            };
            let may_continue = self.is_disconnecting && publishing.left < publishing.length;
            let permit = publishing.permit.clone();
            let mut write = || self.write_buffer(cx);
            let flushed = if may_continue {
                Some(write().0)
            } else {
                permit.write(write)
            };
            match flushed {
                Some(flushed) => {
                    self.publishing.take_if(|publishing| publishing.left == 0);
                    ready!(flushed)?;
                }
                None => match self
                    .publishing
                    .take_if(|publishing| publishing.left == publishing.length)
                {
                    Some(publishing) => self.withdraw(publishing),
                    // The transport drops the session.
                    None => return Poll::Pending,
                },
            }
        }
    }

    /// Writes what is in the buffer, and returns how much of the PUBLISH has been written by then.
    fn write_buffer(&mut self, cx: &mut Context<'_>) -> (Poll<Result<(), TransportError>>, Written) {
        let before = self.framed.write_buffer().len();
        let flushed = poll_flush(&mut self.framed, cx);
        let bytes = before - self.framed.write_buffer().len();
        self.connect_left = self.connect_left.saturating_sub(bytes);
        let written = self.publishing.as_mut().map(|publishing| publishing.wrote(bytes));
        (flushed, written.unwrap_or_default())
    }

    /// Removes a PUBLISH of which nothing was written from the buffer.
    fn withdraw(&mut self, publishing: Publishing) {
        let Publishing { id, before, length, .. } = publishing;
        let buffer = self.framed.write_buffer_mut();
        let mut behind = buffer.split_off(before);
        behind.advance(length);
        buffer.unsplit(behind);
        if let Some((_, done)) = self.unacknowledged.remove(&id) {
            let _ = done.send(Err(TransportError::operation_cancelled()));
        }
    }

    /// Whether packets wait to be written.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.framed.write_buffer().is_empty()
    }

    /// Whether a packet was cut in the middle for good.
    fn is_cut(&self) -> bool {
        let cut = |publishing: &Publishing| publishing.left < publishing.length && publishing.permit.is_revoked();
        !self.is_disconnecting && self.publishing.as_ref().is_some_and(cut)
    }

    fn free_id(&mut self) -> Option<u16> {
        (0..u16::MAX).find_map(|_| {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            (!self.unacknowledged.contains_key(&self.last_id)).then_some(self.last_id)
        })
    }

    pub(super) fn write(&mut self, packet: Packet) -> Result<(), TransportError> {
        self.pings.written();
        queue(&mut self.framed, packet)
    }

    /// Sends what is queued, then DISCONNECT, and closes. If this is `orderly`, a packet that was begun is completed
    /// although its permit is revoked.
    pub(super) async fn disconnect(&mut self, orderly: bool) -> Result<(), TransportError> {
        self.is_disconnecting = orderly;
        if self.is_cut() {
            return self.framed.get_mut().shutdown().await.map_err(connection_error);
        }
        self.encode_commands()?;
        if self.publishing.is_some() || !self.queue.is_empty() {
            poll_fn(|cx| self.poll_flush(cx)).await?;
        }
        stream::disconnect(&mut self.framed).await
    }

    /// Completes every command that is not acknowledged.
    pub(super) fn end(self, result: impl Fn(AckKind) -> Result<(), TransportError>) {
        for command in self.queue {
            // The caller may have been dropped; below likewise.
            let _ = match command {
                Command::Subscribe { done, .. } => done.send(result(AckKind::Subscribe)),
                Command::Unsubscribe { done, .. } => done.send(result(AckKind::Unsubscribe)),
                Command::Publish(publish) => publish.done.send(result(AckKind::Publish)),
                // Never queued.
                Command::Disconnect { .. } => Ok(()),
            };
        }
        for (kind, done) in self.unacknowledged.into_values() {
            let _ = done.send(result(kind));
        }
    }
}

#[cfg(test)]
mod tests {
    use provisioning_net::BoxedStream;
    use tokio_util::codec::Framed;

    use super::*;
    use crate::session::codec::ClientCodec;

    fn outgoing() -> Outgoing {
        let (stream, _) = tokio::io::duplex(1);
        let framed = Framed::new(Box::new(stream) as BoxedStream, ClientCodec::new(100));
        Outgoing::new(framed, Duration::ZERO)
    }

    fn await_acknowledgement(outgoing: &mut Outgoing, ids: impl IntoIterator<Item = u16>) {
        let done = || (AckKind::Publish, oneshot::channel().0);
        outgoing.unacknowledged.extend(ids.into_iter().map(|id| (id, done())));
    }

    #[tokio::test]
    async fn packet_ids_start_again_after_the_last_and_pass_over_those_in_use() {
        let mut outgoing = outgoing();
        assert_eq!(outgoing.free_id(), Some(1));
        await_acknowledgement(&mut outgoing, [1, 2, u16::MAX]);
        outgoing.last_id = u16::MAX - 2;
        assert_eq!(outgoing.free_id(), Some(u16::MAX - 1));
        assert_eq!(outgoing.free_id(), Some(3));
    }

    #[tokio::test]
    async fn without_a_free_packet_id_the_packet_is_refused_and_the_connection_stays() {
        let mut outgoing = outgoing();
        await_acknowledgement(&mut outgoing, 1..=u16::MAX);
        assert_eq!(outgoing.free_id(), None);
        let (done, outcome) = oneshot::channel();
        let publish = Command::Publish(Box::new(PublishCommand {
            topic: "a".into(),
            payload: Vec::new(),
            permit: WritePermit::default(),
            done,
        }));
        assert!(outgoing.handle_command(publish).is_ok());
        let outcome = outcome.await.expect("an outcome");
        assert_eq!(outcome.expect_err("no id is free").kind(), ErrorKind::Refused);
        assert!(outgoing.framed.write_buffer().is_empty());
    }
}
