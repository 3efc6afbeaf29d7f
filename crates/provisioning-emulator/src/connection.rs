//! One device's MQTT connection, from CONNECT to its end.

use std::{collections::HashSet, sync::Arc, time::Duration};

use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::timeout,
};

use crate::{
    channel::{Channel, End},
    enrollment::{EnrollmentRef, Presented},
    fault::{Effect, Reply, Step, wrong_answer},
    link::Reset,
    log::{LogKind, Origin},
    peer::Peer,
    service::Service,
    topic::{ANSWERS, RequestKind, RequestTopic, UserName},
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
    };
    connection.channel.opened(&peer);
    let end = select! {
        () = stop.cancelled() => End("the emulator is shutting down".to_owned()),
        end = connection.run(&peer) => end,
    };
    connection.channel.close(end).await;
}

struct Connection<S> {
    channel: Channel<S>,
    number: u64,
    service: Arc<Service>,
    admitted: Option<Admitted>,
    session: Session,
}

/// As whom a device was let in, and by which enrollment.
struct Admitted {
    registration_id: String,
    enrollment: EnrollmentRef,
    api_version: String,
}

#[derive(Default)]
struct Session {
    /// The quality of service of the answers, while the device is subscribed to them.
    subscribed: Option<QoS>,
    last_id: u16,
    /// Answers that the device has not acknowledged yet.
    unacknowledged: HashSet<u16>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self, peer: &Peer) -> End {
        let connect = match timeout(CONNECT_LIMIT, self.channel.read()).await {
            Ok(Ok(Packet::Connect(connect))) => connect,
            Ok(Ok(_)) => return End("the first packet is not CONNECT".to_owned()),
            Ok(Err(end)) => return end,
            Err(_) => return End("no CONNECT in time".to_owned()),
        };
        let keep_alive = Duration::from_secs(connect.keep_alive.into());
        let registration_id = connect.client_id.clone();
        match self.admit(connect, peer) {
            Ok(admitted) => self.admitted = Some(admitted),
            Err((code, reason)) => {
                return match self.channel.send(Packet::ConnAck(ConnAck::new(code, false))).await {
                    Ok(()) => End(reason.to_owned()),
                    Err(end) => end,
                };
            }
        }
        let replaced = self.service.begin_session(&registration_id, self.number);
        let end = select! {
            () = replaced.cancelled() => End("the device connected anew".to_owned()),
            end = self.converse(keep_alive) => end,
        };
        self.service.end_session(&registration_id, self.number);
        end
    }

    /// Accepts, and serves packet after packet.
    async fn converse(&mut self, keep_alive: Duration) -> End {
        // Half as long again as the device promised (MQTT 3.1.1, section 3.1.2.10); 0 switches it off.
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
                Ok(Ok(packet)) => self.take(packet).await,
                Ok(Err(end)) => Err(end),
                Err(_) => Err(End("the keep-alive has passed without a packet".to_owned())),
            };
        }
    }

    /// Checks who connects, or refuses.
    fn admit(&self, connect: Connect, peer: &Peer) -> Result<Admitted, (ConnectReturnCode, &'static str)> {
        use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
        if connect.last_will.is_some() {
            return Err((NotAuthorized, "a will is not taken"));
        }
        let login = connect.login.ok_or((BadUserNamePassword, "no user name"))?;
        let user = UserName::parse(&login.username).ok_or((BadUserNamePassword, "the user name has another form"))?;
        let refused = |reason| (NotAuthorized, reason);
        if user.id_scope != self.service.id_scope {
            return Err(refused("the id scope is not this service's"));
        }
        let is_user = |name: &str| name.eq_ignore_ascii_case(user.registration_id);
        if !is_user(&connect.client_id) {
            return Err(refused("the client id is not the registration id"));
        }
        let presented = match (peer, login.password.as_str()) {
            (Peer::Certificate { common_name, chain }, "") if common_name.as_deref().is_some_and(is_user) => {
                Presented::Certificates(chain)
            }
            (Peer::Certificate { .. }, "") => {
                return Err(refused("the certificate's common name is not the registration id"));
            }
            (Peer::Certificate { .. }, _) => return Err(refused("a password beside a certificate")),
            (Peer::Trusted, "") => Presented::Nothing,
            (Peer::Anonymous, "") => return Err(refused("neither a client certificate nor a password")),
            (Peer::Anonymous | Peer::Trusted, text) => Presented::Token {
                text,
                id_scope: user.id_scope,
            },
        };
        let enrollment = self.service.enrollments.admit(user.registration_id, presented);
        Ok(Admitted {
            enrollment: enrollment.map_err(refused)?,
            api_version: user.api_version.to_owned(),
            registration_id: connect.client_id,
        })
    }

    async fn take(&mut self, packet: Packet) -> Result<(), End> {
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
            Packet::Disconnect => Err(End("DISCONNECT".to_owned())),
            other => Err(End(format!("{} has no place here", LogKind::of(&other)))),
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
        let mut effect = self.channel.strike(Step::Suback);
        if let Some(Effect::Refuse { .. }) = effect {
            codes.fill(SubscribeReasonCode::Failure);
            effect = None;
        }
        for code in &codes {
            if let SubscribeReasonCode::Success(qos) = code {
                self.session.subscribed = Some(*qos);
            }
        }
        self.channel
            .send_as(Packet::SubAck(SubAck::new(subscribe.pkid, codes)), effect)
            .await
    }

    async fn request(&mut self, publish: Publish) -> Result<(), End> {
        let Some(topic) = RequestTopic::parse(&publish.topic) else {
            return Err(End("a topic that is not the service's".to_owned()));
        };
        if publish.qos == QoS::AtLeastOnce {
            self.channel.send(Packet::PubAck(PubAck::new(publish.pkid))).await?;
        }
        let Some(admitted) = &self.admitted else {
            return Err(End("a request before CONNECT was accepted".to_owned()));
        };
        let device = &admitted.registration_id;
        let foreign = self.service.faults.saw_request(device, &topic.request_id);
        let registry = &self.service.registry;
        let answer = match &topic.kind {
            RequestKind::Register => {
                let allocation = self.service.enrollments.allocation(&admitted.enrollment);
                registry.register(device, &admitted.api_version, &publish.payload, allocation)
            }
            RequestKind::Query { operation_id } => registry.query(device, operation_id),
        };
        let Some(qos) = self.session.subscribed else {
            self.channel
                .note(LogKind::Ignored, "nobody is subscribed to the answer");
            return Ok(());
        };
        let reply = Reply {
            status: answer.status,
            request_id: topic.request_id,
            retry_after: answer.retry_after.query(),
            body: answer.body.to_string().into(),
        };
        let mut effect = self.channel.strike(Step::Answer);
        if let Some((wrong, beside)) = effect.as_ref().and_then(|effect| wrong_answer(effect, &reply, foreign)) {
            self.answer(qos, &wrong, None).await?;
            if !beside {
                return Ok(());
            }
            effect = None;
        }
        if effect == Some(Effect::Duplicate) {
            self.answer(qos, &reply, None).await?;
            effect = None;
        }
        self.answer(qos, &reply, effect).await
    }

    async fn answer(&mut self, qos: QoS, reply: &Reply, effect: Option<Effect>) -> Result<(), End> {
        let mut publish = Publish::new(reply.topic(), qos, reply.body.clone());
        if qos == QoS::AtLeastOnce {
            publish.pkid = self.session.next_id();
        }
        self.channel.send_as(Packet::Publish(publish), effect).await
    }
}

impl Session {
    /// A packet id for an answer; those that are not acknowledged yet are not used again.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            // A device that never acknowledges 65,535 answers gets ids twice.
            if self.unacknowledged.insert(self.last_id) || self.unacknowledged.len() == usize::from(u16::MAX) {
                return self.last_id;
            }
        }
    }
}
