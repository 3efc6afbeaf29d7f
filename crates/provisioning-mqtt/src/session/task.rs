//! The task that serves one connection: sends packets, acknowledges, pings, and notices the end.

use std::time::Duration;

use futures_util::future::poll_fn;
use provisioning_types::{ErrorKind, Phase, TransportError};
use rumqttc::{Packet, PubAck, Publish, QoS, SubAck, SubscribeReasonCode};
use tokio::{
    select,
    sync::mpsc,
    task::yield_now,
    time::{Instant, sleep_until, timeout},
};

use super::{
    connect_error, error, handshake,
    outgoing::{AckKind, Command, Done, Outgoing},
    stream::MqttStream,
    turn::QueuePlace,
};
use crate::mqtt_connector::{Message, SessionEvent, SessionEvents};

/// What an unanswered ping can mean.
const SILENT_HINT: &str = "a NAT or a firewall may have dropped the idle connection: use a shorter keep-alive, or recover \
                           from lost connections (`dps --recover`)";

/// How long DISCONNECT and closing the stream may take, with the answer to a CONNECT that was abandoned.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// One connection: what is sent on it, and where its events go.
pub(super) struct Task {
    outgoing: Outgoing,
    /// `None` once CONNECT was accepted.
    connecting: Option<Connecting>,
    events: SessionEvents,
}

/// A CONNECT that was not answered yet.
pub(super) struct Connecting {
    /// Its turn among the connections of its client id.
    pub(super) place: QueuePlace,
    /// Receives whether it is accepted.
    pub(super) done: Done,
}

impl Task {
    /// Begins with this CONNECT.
    pub(super) fn connect(
        framed: MqttStream,
        connect: Packet,
        keep_alive: Duration,
        connecting: Connecting,
        events: SessionEvents,
    ) -> Result<Self, TransportError> {
        let mut outgoing = Outgoing::new(framed, keep_alive);
        outgoing.connect(connect)?;
        let connecting = Some(connecting);
        Ok(Self {
            outgoing,
            connecting,
            events,
        })
    }

    /// Serves the connection until it ends, is disconnected, or its last handle is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let reason = loop {
            let due = self.outgoing.pings.due();
            let step = select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Disconnect { done }) => return self.disconnect(Some(done)).await,
                    Some(command) => self.outgoing.handle_command(command),
                    None => return self.disconnect(None).await,
                },
                packet = poll_fn(|cx| self.outgoing.poll_packet(cx)) => self.handle_packet(packet).await,
                () = sleep_until(due), if self.connecting.is_none() => self.ping(),
            };
            if let Err(reason) = step {
                break reason;
            }
        };
        let reason = match self.connecting.take() {
            Some(Connecting { done, .. }) => {
                let reason = reason.in_phase(Phase::Connect);
                // The caller may have been dropped.
                let _ = done.send(Err(reason.clone()));
                reason
            }
            None => {
                self.events.emit(SessionEvent::Closed(reason.clone()));
                reason
            }
        };
        tracing::debug!(%reason, "the MQTT connection ended");
        self.outgoing.end(|_| Err(reason.clone()));
    }

    /// Handles a packet from the server, or the error instead of one.
    async fn handle_packet(&mut self, packet: Result<Packet, TransportError>) -> Result<(), TransportError> {
        let is_connecting = self.connecting.is_some();
        match packet {
            Ok(answer) if is_connecting => {
                handshake::accepted(&answer)?;
                if let Some(Connecting { place, done }) = self.connecting.take() {
                    // The next connection may send its CONNECT.
                    drop(place);
                    let _ = done.send(Ok(()));
                }
            }
            Ok(packet) => self.handle(packet)?,
            Err(error) if is_connecting => return Err(connect_error::of_connect(error, self.outgoing.framed()).await),
            Err(error) => return Err(error),
        }
        if is_connecting || self.outgoing.has_unwritten() {
            // What the packet makes a handle send goes into the same write as its acknowledgement.
            yield_now().await;
        }
        Ok(())
    }

    /// Handles a packet after CONNACK. The codec rejects all others than those listed here.
    fn handle(&mut self, packet: Packet) -> Result<(), TransportError> {
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
                self.outgoing.pings.handle_response();
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
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.outgoing.write(Packet::PubAck(PubAck::new(id))),
        }
    }

    fn acknowledged(
        &mut self,
        id: u16,
        ack: AckKind,
        outcome: Result<(), TransportError>,
    ) -> Result<(), TransportError> {
        match self.outgoing.unacknowledged.get(&id) {
            Some((kind, _)) if *kind != ack => Err(error::broken_protocol(
                "the service acknowledged a packet as another kind than it was",
            )),
            Some(_) => {
                if let Some((_, done)) = self.outgoing.unacknowledged.remove(&id) {
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
        if Instant::now() < self.outgoing.pings.due() {
            // Something was written meanwhile.
            return Ok(());
        }
        if self.outgoing.pings.timed_out() {
            return Err(
                TransportError::new(ErrorKind::Lost, "the service did not answer a keep-alive ping")
                    .with_hint(SILENT_HINT),
            );
        }
        self.outgoing.write(Packet::PingReq)?;
        self.outgoing.pings.sent();
        Ok(())
    }

    /// Sends DISCONNECT and closes. The session's subscription ends with it, so UNSUBACK is not awaited.
    async fn disconnect(mut self, mut done: Option<Done>) {
        let is_orderly = done.is_some();
        if let Some(done) = done.take_if(|_| self.connecting.is_some()) {
            // No caller waits for the answer to a CONNECT that is abandoned.
            let _ = done.send(Ok(()));
        }
        let disconnecting = async {
            if self.connecting.is_some() {
                if !self.outgoing.has_sent_connect() {
                    return Ok(());
                }
                // A service that reads this CONNECT after that of the next connection would end the newer one.
                poll_fn(|cx| self.outgoing.poll_packet(cx)).await?;
                self.connecting = None;
            }
            self.outgoing.disconnect(is_orderly).await
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
        self.outgoing.end(|kind| match kind {
            AckKind::Unsubscribe => Ok(()),
            AckKind::Subscribe | AckKind::Publish => Err(TransportError::operation_cancelled()),
        });
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
