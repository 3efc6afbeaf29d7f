//! One device's MQTT connection, from CONNECT to its end.

use std::{collections::HashSet, sync::Arc, time::Duration};

use rumqttc::{
    ConnAck, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::timeout,
};

use super::{
    admission::{Admitted, admit},
    channel::Channel,
    effects::{Response, wrong_answer},
    end::End,
    outgoing::Outgoing,
    topic::{ANSWERS, REQUESTS, RequestKind, RequestTopic},
};
use crate::{
    faults::{Effect, Step},
    log::{LogKind, Origin},
    net::{Peer, Reset},
    registration::Client,
    service::{Service, SessionEnd},
};

/// How long a device may take to send CONNECT.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Serves one connection until it ends.
pub(crate) async fn serve<S>(stream: S, origin: Origin, peer: Peer, reset: Reset, service: Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stop = service.stop.clone();
    let mut connection = Connection {
        channel: Channel::new(stream, origin, reset, Arc::clone(&service)),
        number: origin.connection.unwrap_or_default(),
        service,
        admitted: None,
        session: Session::default(),
        session_end: None,
    };
    connection.channel.opened(&peer);
    let end = select! {
        () = stop.cancelled() => End::closed("the emulator is shutting down"),
        end = connection.run(peer) => end,
    };
    connection.channel.close(end).await;
}

struct Connection<S> {
    channel: Channel<S>,
    number: u64,
    service: Arc<Service>,
    admitted: Option<Admitted>,
    session: Session,
    /// Kept until the connection is closed.
    session_end: Option<SessionEnd>,
}

#[derive(Default)]
struct Session {
    /// The QoS of the answers, while the device is subscribed to them.
    subscribed: Option<QoS>,
    last_id: u16,
    /// Answers that the device has not acknowledged yet.
    unacknowledged: HashSet<u16>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self, peer: Peer) -> End {
        let connect = match timeout(CONNECT_LIMIT, self.channel.read()).await {
            Ok(Ok(Packet::Connect(connect))) => connect,
            Ok(Ok(other)) => {
                let name = LogKind::of(&other);
                return End::refused(format!("the first packet is {name}, not CONNECT"));
            }
            Ok(Err(end)) => return end,
            Err(_) => {
                let limit = CONNECT_LIMIT.as_secs();
                return End::refused(format!("no CONNECT arrived within {limit} s"));
            }
        };
        let keep_alive = Duration::from_secs(connect.keep_alive.into());
        let registration_id = connect.client_id.clone();
        match admit(connect, &peer, &self.service) {
            Ok(admitted) => {
                self.admitted = Some(admitted);
                self.channel.accepted();
            }
            Err((code, reason)) => {
                let refusal = Packet::ConnAck(ConnAck::new(code, false));
                return match Box::pin(self.channel.send(Outgoing::refusal(refusal, reason))).await {
                    Ok(()) => End::connect_refused(),
                    Err(end) => end,
                };
            }
        }
        // Its certificates are not needed again.
        drop(peer);
        let mut session_end = self.service.begin_session(&registration_id, self.number);
        let end = select! {
            reason = session_end.ended() => End::refused(reason),
            end = Box::pin(self.serve_packets(keep_alive)) => end,
        };
        self.service.end_session(&registration_id, self.number);
        self.session_end = Some(session_end);
        end
    }

    /// Accepts the connection, and handles its packets.
    async fn serve_packets(&mut self, keep_alive: Duration) -> End {
        // One and a half times the keep-alive (MQTT 3.1.1, section 3.1.2.10); 0 is no limit.
        let limit = if keep_alive.is_zero() {
            Duration::MAX
        } else {
            keep_alive * 3 / 2
        };
        let mut result = self
            .channel
            .send(Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)))
            .await;
        loop {
            if let Err(end) = result {
                return end;
            }
            result = match timeout(limit, self.channel.read()).await {
                Ok(Ok(packet)) => self.handle_packet(packet).await,
                Ok(Err(end)) => Err(end),
                Err(_) => {
                    let (keep_alive, limit) = (keep_alive.as_secs(), limit.as_secs_f32());
                    Err(End::refused(format!(
                        "no packet arrived within {limit} s, one and a half times the keep-alive of {keep_alive} s"
                    )))
                }
            };
        }
    }

    async fn handle_packet(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.request(publish).await,
            Packet::PubAck(ack) => {
                if !self.session.unacknowledged.remove(&ack.pkid) {
                    self.channel
                        .note(LogKind::Ignored, "PUBACK for what was not sent, or twice");
                }
                Ok(())
            }
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => {
                if unsubscribe.topics.iter().any(|topic| topic == ANSWERS) {
                    self.session.subscribed = None;
                }
                self.channel
                    .send(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)))
                    .await
            }
            Packet::PingReq => self.channel.send(Packet::PingResp).await,
            Packet::Disconnect => Err(End::closed("DISCONNECT")),
            Packet::Connect(_) => Err(End::refused("CONNECT arrived on a connection that has one already")),
            other => {
                let name = LogKind::of(&other);
                Err(End::refused(format!("{name} is not a packet that a device sends")))
            }
        }
    }

    /// Only the answers can be subscribed to; QoS 2 is granted as 1.
    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let codes = subscribe
            .filters
            .iter()
            .map(|filter| match (filter.path == ANSWERS, filter.qos) {
                (false, _) => SubscribeReasonCode::Failure,
                (true, QoS::AtMostOnce) => SubscribeReasonCode::Success(QoS::AtMostOnce),
                (true, QoS::AtLeastOnce | QoS::ExactlyOnce) => SubscribeReasonCode::Success(QoS::AtLeastOnce),
            });
        let mut codes: Vec<_> = codes.collect();
        let mut reason = refused_filters(&subscribe);
        let mut effect = self.channel.trigger(Step::Suback);
        if let Some(Effect::Refuse { .. }) = effect {
            codes.fill(SubscribeReasonCode::Failure);
            reason = Some("the fault `refuse` at `suback`".to_owned());
            effect = None;
        }
        for code in &codes {
            if let SubscribeReasonCode::Success(qos) = code {
                self.session.subscribed = Some(*qos);
            }
        }
        let suback = Outgoing::from(Packet::SubAck(SubAck::new(subscribe.pkid, codes)));
        self.channel.send_as(suback.with_reason(reason), effect).await
    }

    async fn request(&mut self, publish: Publish) -> Result<(), End> {
        let Some(topic) = RequestTopic::parse(&publish.topic) else {
            return Err(End::refused(format!(
                "PUBLISH to the topic {:?}, which is not the service's: expected {REQUESTS}",
                publish.topic
            )));
        };
        if publish.qos == QoS::AtLeastOnce {
            self.channel.send(Packet::PubAck(PubAck::new(publish.pkid))).await?;
        }
        let Some(admitted) = &self.admitted else {
            return Err(End::refused("a request before CONNECT was accepted"));
        };
        let client = Client {
            registration_id: &admitted.registration_id,
            api_version: &admitted.api_version,
            connection: Some(self.number),
        };
        let (service, origin) = (&self.service, self.channel.origin());
        let foreign = service.faults.record_request(client.registration_id, &topic.request_id);
        let answer = match &topic.kind {
            RequestKind::Register => service.register(origin, client, &admitted.enrollment, &publish.payload),
            RequestKind::Query { operation_id } => service.query(origin, client, operation_id),
        };
        let answer = service.persisted(answer).await;
        let Some(qos) = self.session.subscribed else {
            let reason = format!("the request is not answered: the device is not subscribed to {ANSWERS}");
            self.channel.note(LogKind::Refused, reason);
            return Ok(());
        };
        let response = Response {
            request_id: topic.request_id,
            content: answer.into(),
        };
        let mut effect = self.channel.trigger(Step::Answer);
        if let Some((wrong, beside)) = effect
            .as_ref()
            .and_then(|effect| wrong_answer(effect, &response, foreign))
        {
            self.answer(qos, &wrong, None).await?;
            if !beside {
                return Ok(());
            }
            effect = None;
        }
        if effect == Some(Effect::Duplicate) {
            self.answer(qos, &response, None).await?;
            effect = None;
        }
        self.answer(qos, &response, effect).await
    }

    async fn answer(&mut self, qos: QoS, response: &Response, effect: Option<Effect>) -> Result<(), End> {
        let mut publish = Publish::from_bytes(response.topic(), qos, response.content.body.clone());
        if qos == QoS::AtLeastOnce {
            publish.pkid = self.session.next_id();
        }
        let answer = Outgoing::from(Packet::Publish(publish));
        let answer = answer.with_reason(response.content.reason.clone());
        self.channel.send_as(answer, effect).await
    }
}

/// Why filters of a subscription are refused, if any is.
fn refused_filters(subscribe: &Subscribe) -> Option<String> {
    let others = subscribe.filters.iter().filter(|filter| filter.path != ANSWERS);
    let others: Vec<_> = others.map(|filter| format!("{:?}", filter.path)).collect();
    let names = others.join(", ");
    (!others.is_empty()).then(|| format!("SUBSCRIBE to {names}: only {ANSWERS} can be subscribed to"))
}

impl Session {
    /// A packet id for an answer; those that are not acknowledged yet are not used again.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            // If 65,535 answers are unacknowledged, ids are used twice.
            if self.unacknowledged.insert(self.last_id) || self.unacknowledged.len() == usize::from(u16::MAX) {
                return self.last_id;
            }
        }
    }
}
