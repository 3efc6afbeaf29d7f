//! The packets of one connection: logged, sent within time limits, and changed by faults.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
};

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use rumqttc::{ConnAck, ConnectReturnCode, Packet};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    select,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::codec::{Encoder, Framed};

use super::codec::{DecodeError, ServerCodec};
use crate::{
    faults::{Cut, Effect, Step, Subject},
    log::{Direction, LogEntry, LogKind, Origin},
    net::{GARBAGE, Peer, Reset, SEND_LIMIT, close},
    service::Service,
};

/// How many bytes are buffered before they are sent, in bytes.
const SEND_BUFFER: usize = 8 * 1024;

/// A connection's packets.
pub(crate) struct Channel<S> {
    framed: Framed<S, ServerCodec>,
    reset: Reset,
    origin: Origin,
    service: Arc<Service>,
    /// The client id of the first CONNECT, which the device claims as its registration id.
    claimed: Option<String>,
    is_accepted: bool,
    /// Packets that a fault delays, and when they are due.
    delayed: Vec<(Instant, Packet)>,
    /// Packets that a fault keeps until another one has been sent.
    kept: Vec<Packet>,
}

/// Why a connection ends.
pub(crate) struct End(pub(crate) String);

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    pub(crate) fn new(stream: S, origin: Origin, reset: Reset, service: Arc<Service>) -> Self {
        // A silent connection has no buffers.
        let mut framed = Framed::with_capacity(stream, ServerCodec::new(service.max_packet_size), 0);
        framed.set_backpressure_boundary(SEND_BUFFER);
        Self {
            framed,
            reset,
            origin,
            service,
            claimed: None,
            is_accepted: false,
            delayed: vec![],
            kept: vec![],
        }
    }

    /// The next packet. Meanwhile those that a fault has delayed are sent.
    pub(crate) async fn read(&mut self) -> Result<Packet, End> {
        let next = loop {
            let due = self.delayed.iter().map(|(due, _)| *due).min();
            select! {
                biased;
                () = until(due) => Box::pin(self.send_delayed()).await?,
                next = self.framed.next() => break next,
            }
        };
        let packet = match next {
            None => return Err(End("the device is gone without DISCONNECT".to_owned())),
            Some(Err(DecodeError::Io(error))) => return Err(End(format!("the connection failed: {error}"))),
            Some(Err(DecodeError::ProtocolLevel(level))) => {
                let refusal = ConnAck::new(ConnectReturnCode::RefusedProtocolVersion, false);
                Box::pin(self.send(Packet::ConnAck(refusal))).await?;
                return Err(End(DecodeError::ProtocolLevel(level).to_string()));
            }
            Some(Err(DecodeError::Foreign(foreign))) => {
                let sentence = hint(self.service.websocket_port.load(Ordering::Relaxed));
                Box::pin(self.deliver_bytes(&foreign.answer(&sentence))).await?;
                return Err(End(DecodeError::Foreign(foreign).to_string()));
            }
            Some(Err(broken)) => return Err(End(broken.to_string())),
            Some(Ok(packet)) => packet,
        };
        if let Packet::Connect(connect) = &packet
            && self.claimed.is_none()
            && !connect.client_id.is_empty()
        {
            self.claimed = Some(connect.client_id.clone());
        }
        self.log(Direction::In, &packet);
        Ok(packet)
    }

    /// Sends a packet, changed by a fault if there is one.
    pub(crate) async fn send(&mut self, packet: Packet) -> Result<(), End> {
        let effect = step_of(&packet).and_then(|step| self.trigger(step));
        self.send_as(packet, effect).await
    }

    /// The effect of a fault at this step of this connection, if any.
    pub(crate) fn trigger(&self, step: Step) -> Option<Effect> {
        let subject = self.claimed.as_deref().map_or(Subject::Unknown, Subject::Device);
        self.service.trigger(self.origin, step, subject)
    }

    /// Sends a packet with this effect.
    pub(crate) async fn send_as(&mut self, packet: Packet, effect: Option<Effect>) -> Result<(), End> {
        let Some(effect) = effect else {
            return self.deliver(packet).await;
        };
        match effect {
            // SUBACK and answers are refused where they are made.
            Effect::Refuse { code, .. } => return Err(self.refuse(code).await),
            Effect::Withhold => {}
            // Nothing else is sent before CONNACK.
            Effect::Delay(delay) if matches!(packet, Packet::ConnAck(_)) => {
                sleep(delay).await;
                return self.deliver(packet).await;
            }
            Effect::Delay(delay) => {
                // A time that is out of range is never due.
                let due = Instant::now().checked_add(delay);
                self.delayed.extend(due.map(|due| (due, packet)));
            }
            Effect::Reorder => self.kept.push(packet),
            Effect::Join => {
                self.log(Direction::Out, &packet);
                let fed = self.framed.feed(packet);
                return in_time(fed).await;
            }
            Effect::Duplicate => {
                self.deliver(packet.clone()).await?;
                return self.deliver(packet).await;
            }
            Effect::Garbage => return self.deliver_bytes(GARBAGE).await,
            Effect::Split { size, pause } => {
                self.log(Direction::Out, &packet);
                for piece in self.encoded(packet)?.chunks(size) {
                    self.deliver_bytes(piece).await?;
                    sleep(pause).await;
                }
            }
            Effect::Close(cut) => return Err(self.cut(packet, cut).await),
            Effect::Reset(cut) => {
                let end = self.cut(packet, cut).await;
                self.reset.set();
                return Err(end);
            }
            // The others change the content of an answer, which the caller has done.
            _ => return self.deliver(packet).await,
        }
        Ok(())
    }

    /// The device is accepted: from now on its packets may have the size that the emulator is set to.
    pub(crate) fn accepted(&mut self) {
        self.is_accepted = true;
        self.framed.codec_mut().accepted();
    }

    /// The connection, for log entries.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Logs a decision about this connection.
    pub(crate) fn note(&self, kind: LogKind, reason: impl Into<String>) {
        self.write(LogEntry::note(self.origin, kind, reason).of_device(self.claimed.as_deref()));
    }

    /// Logs the start of the connection, with the client certificate.
    pub(crate) fn opened(&self, peer: &Peer) {
        self.write(LogEntry {
            payload: peer.certificates(),
            ..LogEntry::note(self.origin, LogKind::Open, peer.to_string())
        });
    }

    pub(crate) async fn close(mut self, end: End) {
        self.note(LogKind::Close, end.0);
        if self.reset.is_set() {
            return;
        }
        // A WebSocket's end is a Close in both directions.
        close(self.framed.get_mut(), &[]).await;
    }

    /// Refuses with this return code, and ends.
    async fn refuse(&mut self, code: Option<u16>) -> End {
        let code = match code {
            Some(1) => ConnectReturnCode::RefusedProtocolVersion,
            Some(2) => ConnectReturnCode::BadClientId,
            Some(4) => ConnectReturnCode::BadUserNamePassword,
            Some(5) => ConnectReturnCode::NotAuthorized,
            _ => ConnectReturnCode::ServiceUnavailable,
        };
        match self.deliver(Packet::ConnAck(ConnAck::new(code, false))).await {
            Ok(()) => End("refused by a fault".to_owned()),
            Err(end) => end,
        }
    }

    /// Sends the part of a packet before the cut.
    async fn cut(&mut self, packet: Packet, cut: Cut) -> End {
        if let Cut::AfterSent(limit) = cut
            && let Ok(bytes) = self.encoded(packet)
        {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
            if let Err(end) = self.deliver_bytes(&bytes[..limit]).await {
                return end;
            }
        }
        End("cut by a fault".to_owned())
    }

    async fn send_delayed(&mut self) -> Result<(), End> {
        let now = Instant::now();
        while let Some(index) = self.delayed.iter().position(|(due, _)| *due <= now) {
            let (_, packet) = self.delayed.remove(index);
            self.deliver(packet).await?;
        }
        Ok(())
    }

    /// Sends a packet, and those that a fault keeps until another packet.
    async fn deliver(&mut self, packet: Packet) -> Result<(), End> {
        self.log(Direction::Out, &packet);
        in_time(self.framed.send(packet)).await?;
        for packet in std::mem::take(&mut self.kept) {
            self.log(Direction::Out, &packet);
            in_time(self.framed.send(packet)).await?;
        }
        Ok(())
    }

    async fn deliver_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        in_time(self.framed.flush()).await?;
        let stream = self.framed.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        in_time(written).await
    }

    fn encoded(&mut self, packet: Packet) -> Result<BytesMut, End> {
        let mut bytes = BytesMut::new();
        let encoded = self.framed.codec_mut().encode(packet, &mut bytes);
        encoded.map(|()| bytes).map_err(|error| End(error.to_string()))
    }

    fn log(&self, direction: Direction, packet: &Packet) {
        let entry = LogEntry::packet(self.origin, direction, packet);
        self.write(entry.of_device(self.claimed.as_deref()));
    }

    /// Writes an entry, with short texts until the device is accepted.
    fn write(&self, entry: LogEntry) {
        self.service.log.write(match self.is_accepted {
            true => entry,
            false => entry.cut(),
        });
    }
}

/// What a client of another protocol is told. The port is 0 while the emulator does not listen.
fn hint(websocket_port: u16) -> String {
    let websocket_port = match websocket_port {
        0 => String::new(),
        port => format!(", which is {port}"),
    };
    format!(
        "This port of the emulator has MQTT 3.1.1 over TLS only. The HTTPS device API and MQTT over WebSocket are on its \
         WebSocket port{websocket_port}. AMQP is not supported."
    )
}

fn step_of(packet: &Packet) -> Option<Step> {
    match packet {
        Packet::ConnAck(_) => Some(Step::Connack),
        Packet::UnsubAck(_) => Some(Step::Unsuback),
        Packet::PubAck(_) => Some(Step::Puback),
        Packet::PingResp => Some(Step::Pingresp),
        // The faults of SUBACK and of answers are triggered where they are made.
        _ => None,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

async fn in_time<E>(sent: impl Future<Output = Result<(), E>>) -> Result<(), End> {
    match timeout(SEND_LIMIT, sent).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End("the device takes nothing more".to_owned())),
    }
}
