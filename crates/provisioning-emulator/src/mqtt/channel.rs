//! The packets of one connection: logged, and changed by faults.

use std::{future::pending, sync::Arc};

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use rumqttc::{ConnAck, ConnectReturnCode, Packet};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    select,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::codec::{Encoder, Framed};

use super::{
    codec::{DecodeError, ServerCodec},
    end::End,
    outgoing::Outgoing,
};
use crate::{
    faults::{Cut, Effect, Step, Subject},
    log::{Direction, LogEntry, LogKind, Origin},
    net::{GARBAGE, Peer, Reset, close},
    service::Service,
};

/// How many bytes are buffered before they are sent.
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
    delayed: Vec<(Instant, Outgoing)>,
    /// Packets that a fault keeps until another one has been sent.
    kept: Vec<Outgoing>,
}

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
            None => return Err(End::closed("the device is gone without DISCONNECT")),
            Some(Err(DecodeError::ProtocolLevel(level))) => {
                let refusal = Packet::ConnAck(ConnAck::new(ConnectReturnCode::RefusedProtocolVersion, false));
                let reason = DecodeError::ProtocolLevel(level).to_string();
                Box::pin(self.send(Outgoing::refusal(refusal, reason))).await?;
                return Err(End::connect_refused());
            }
            Some(Err(DecodeError::Foreign(foreign))) => {
                let sentence = hint(self.service.addresses.websocket_port());
                Box::pin(self.deliver_bytes(&foreign.answer(&sentence))).await?;
                return Err(DecodeError::Foreign(foreign).into());
            }
            Some(Err(error)) => return Err(error.into()),
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
    pub(crate) async fn send(&mut self, packet: impl Into<Outgoing>) -> Result<(), End> {
        let packet = packet.into();
        let effect = packet.triggers().and_then(|step| self.trigger(step));
        self.send_as(packet, effect).await
    }

    /// The effect of a fault at this step of this connection, if any.
    pub(crate) fn trigger(&self, step: Step) -> Option<Effect> {
        let subject = self.claimed.as_deref().map_or(Subject::Unknown, Subject::Device);
        self.service.trigger(self.origin, step, subject)
    }

    /// Sends a packet with this effect.
    pub(crate) async fn send_as(&mut self, packet: impl Into<Outgoing>, effect: Option<Effect>) -> Result<(), End> {
        let packet = packet.into();
        let Some(effect) = effect else {
            return self.deliver(packet).await;
        };
        match effect {
            // SUBACK and answers are refused where they are made.
            Effect::Refuse { code, .. } => return Err(self.refuse(code).await),
            Effect::Withhold => {}
            // Nothing else is sent before CONNACK.
            Effect::Delay(delay) if matches!(packet.packet, Packet::ConnAck(_)) => {
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
                self.log_sent(&packet);
                self.framed.feed(packet.packet).await?;
            }
            Effect::Duplicate => {
                self.deliver(packet.clone()).await?;
                return self.deliver(packet).await;
            }
            Effect::Garbage => return self.deliver_bytes(GARBAGE).await,
            Effect::Split { size, pause } => {
                self.log_sent(&packet);
                for piece in self.encoded(packet.packet)?.chunks(size) {
                    self.deliver_bytes(piece).await?;
                    sleep(pause).await;
                }
            }
            Effect::Close(cut) => return Err(self.cut(packet, cut, "close").await),
            Effect::Reset(cut) => {
                let end = self.cut(packet, cut, "reset").await;
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
        let how = match end {
            End::Closed(how) => how,
            End::Refused(reason) => {
                self.note(LogKind::Refused, reason);
                "the emulator ended the connection".to_owned()
            }
        };
        self.note(LogKind::Close, how);
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
        let refusal = Packet::ConnAck(ConnAck::new(code, false));
        let reason = "the fault `refuse` at `connack`";
        match self.deliver(Outgoing::refusal(refusal, reason)).await {
            Ok(()) => End::connect_refused(),
            Err(end) => end,
        }
    }

    /// Sends the part of a packet before the cut.
    async fn cut(&mut self, packet: Outgoing, cut: Cut, fault: &str) -> End {
        let step = packet.step().map_or("packet", Step::name);
        let reason = format!("the fault `{fault}` at `{step}` ended the connection");
        if let Cut::AfterSent(limit) = cut
            && let Ok(bytes) = self.encoded(packet.packet)
        {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
            if let Err(end) = self.deliver_bytes(&bytes[..limit]).await {
                return end;
            }
        }
        End::refused(reason)
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
    async fn deliver(&mut self, packet: Outgoing) -> Result<(), End> {
        let kept = std::mem::take(&mut self.kept);
        for packet in std::iter::once(packet).chain(kept) {
            self.log_sent(&packet);
            self.framed.send(packet.packet).await?;
        }
        Ok(())
    }

    async fn deliver_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.framed.flush().await?;
        let stream = self.framed.get_mut();
        stream.write_all(bytes).await?;
        stream.flush().await?;
        Ok(())
    }

    fn encoded(&mut self, packet: Packet) -> Result<BytesMut, End> {
        let mut bytes = BytesMut::new();
        let encoded = self.framed.codec_mut().encode(packet, &mut bytes);
        encoded.map(|()| bytes).map_err(End::from)
    }

    fn log(&self, direction: Direction, packet: &Packet) {
        let entry = LogEntry::packet(self.origin, direction, packet);
        self.write(entry.of_device(self.claimed.as_deref()));
    }

    /// Logs a packet that is sent. The names of MQTT come before its reason.
    fn log_sent(&self, sent: &Outgoing) {
        let entry = LogEntry::packet(self.origin, Direction::Out, &sent.packet);
        let reasons: Vec<_> = entry.reason.iter().chain(&sent.reason).map(String::as_str).collect();
        let reason = (!reasons.is_empty()).then(|| reasons.join(": "));
        self.write(LogEntry { reason, ..entry }.of_device(self.claimed.as_deref()));
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

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
