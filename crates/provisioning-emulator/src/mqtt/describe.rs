//! Log entries for packets, without passwords.

use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet, Publish, SubAck, SubscribeReasonCode};

use super::topic::response_status;
use crate::log::{Direction, LogEntry, LogKind, Origin};

impl LogEntry {
    /// A packet, with what it contains.
    pub(crate) fn packet(origin: Origin, direction: Direction, packet: &Packet) -> Self {
        let entry = Self::new(origin, direction, LogKind::of(packet));
        match packet {
            Packet::Connect(connect) => entry.connect(connect),
            Packet::ConnAck(ack) => entry.connack(ack),
            Packet::Publish(publish) => entry.publish(publish),
            Packet::PubAck(ack) => Self {
                payload: Some(format!("packet id {}", ack.pkid)),
                ..entry
            },
            Packet::Subscribe(subscribe) => {
                let filters: Vec<_> = subscribe.filters.iter().map(|filter| filter.path.as_str()).collect();
                entry.filters(&filters.join(" "))
            }
            Packet::SubAck(ack) => entry.suback(ack),
            Packet::Unsubscribe(unsubscribe) => entry.filters(&unsubscribe.topics.join(" ")),
            _ => entry,
        }
    }

    fn connect(self, connect: &Connect) -> Self {
        let user_name = connect.login.as_ref().map_or("", |login| login.username.as_str());
        let (client_id, keep_alive) = (&connect.client_id, connect.keep_alive);
        Self {
            payload: Some(format!(
                "client id {client_id}, user name {user_name}, keep-alive {keep_alive} s"
            )),
            ..self
        }
    }

    fn connack(self, ack: &ConnAck) -> Self {
        let (code, name) = match ack.code {
            ConnectReturnCode::Success => (0, "accepted"),
            ConnectReturnCode::RefusedProtocolVersion => (1, "unacceptable protocol version"),
            ConnectReturnCode::BadClientId => (2, "identifier rejected"),
            ConnectReturnCode::ServiceUnavailable => (3, "server unavailable"),
            ConnectReturnCode::BadUserNamePassword => (4, "bad user name or password"),
            ConnectReturnCode::NotAuthorized => (5, "not authorized"),
        };
        Self {
            status: Some(code),
            reason: Some(name.to_owned()),
            ..self
        }
    }

    fn publish(self, publish: &Publish) -> Self {
        let status = match self.direction {
            Direction::Out => response_status(&publish.topic),
            // A device publishes requests, whatever their topic looks like.
            Direction::In | Direction::Note => None,
        };
        Self {
            topic: Some(publish.topic.clone()),
            status,
            payload: Some(String::from_utf8_lossy(&publish.payload).into_owned()),
            ..self
        }
    }

    fn suback(self, ack: &SubAck) -> Self {
        let codes: Vec<u16> = ack.return_codes.iter().map(return_code).collect();
        let all: Vec<_> = codes.iter().map(u16::to_string).collect();
        Self {
            status: codes.iter().max().copied(),
            reason: (codes.len() > 1).then(|| format!("return codes {}", all.join(" "))),
            ..self
        }
    }

    fn filters(self, filters: &str) -> Self {
        Self {
            topic: Some(filters.to_owned()),
            ..self
        }
    }
}

/// A return code of SUBACK (MQTT 3.1.1, section 3.9.3).
fn return_code(code: &SubscribeReasonCode) -> u16 {
    match code {
        SubscribeReasonCode::Success(qos) => *qos as u16,
        SubscribeReasonCode::Failure => 128,
    }
}

impl LogKind {
    /// The kind that names this packet.
    pub(crate) fn of(packet: &Packet) -> Self {
        match packet {
            Packet::Connect(_) => LogKind::Connect,
            Packet::ConnAck(_) => LogKind::ConnAck,
            Packet::Publish(_) => LogKind::Publish,
            Packet::PubAck(_) => LogKind::PubAck,
            Packet::PubRec(_) => LogKind::PubRec,
            Packet::PubRel(_) => LogKind::PubRel,
            Packet::PubComp(_) => LogKind::PubComp,
            Packet::Subscribe(_) => LogKind::Subscribe,
            Packet::SubAck(_) => LogKind::SubAck,
            Packet::Unsubscribe(_) => LogKind::Unsubscribe,
            Packet::UnsubAck(_) => LogKind::UnsubAck,
            Packet::PingReq => LogKind::PingReq,
            Packet::PingResp => LogKind::PingResp,
            Packet::Disconnect => LogKind::Disconnect,
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::{Login, PubAck, QoS};

    use super::*;

    fn entry(packet: &Packet) -> LogEntry {
        LogEntry::packet(Origin::default(), Direction::In, packet)
    }

    #[test]
    fn connect_is_logged_without_its_password() {
        let mut connect = Connect::new("d");
        connect.keep_alive = 30;
        connect.login = Some(Login::new("scope/registrations/d/api-version=1", "hunter2"));
        let entry = entry(&Packet::Connect(connect));
        let payload = entry.payload.as_deref();
        let expected = "client id d, user name scope/registrations/d/api-version=1, keep-alive 30 s";
        assert_eq!((entry.kind, payload), (LogKind::Connect, Some(expected)));
        assert!(!format!("{entry:?}").contains("hunter2"));
    }

    #[test]
    fn a_response_is_logged_with_its_status_and_a_request_without_one() {
        let publish = |direction, topic: &str| {
            let packet = Packet::Publish(Publish::new(topic, QoS::AtMostOnce, b"{\xff}".to_vec()));
            LogEntry::packet(Origin::default(), direction, &packet)
        };
        let topic = "$dps/registrations/res/202/?$rid=1&retry-after=3";
        let response = publish(Direction::Out, topic);
        assert_eq!((response.kind, response.status), (LogKind::Publish, Some(202)));
        assert_eq!(response.payload.as_deref(), Some("{\u{fffd}}"));
        assert_eq!(publish(Direction::In, topic).status, None);
        let request = publish(Direction::In, "$dps/registrations/PUT/iotdps-register/?$rid=1");
        assert_eq!(request.status, None);
        assert_eq!(
            request.topic.as_deref(),
            Some("$dps/registrations/PUT/iotdps-register/?$rid=1")
        );
    }

    #[test]
    fn acknowledgements_are_logged_with_their_codes_and_packet_ids() {
        let refused = entry(&Packet::ConnAck(ConnAck::new(ConnectReturnCode::NotAuthorized, false)));
        assert_eq!(
            (refused.status, refused.reason.as_deref()),
            (Some(5), Some("not authorized"))
        );
        let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        let one = entry(&Packet::SubAck(SubAck::new(1, vec![granted])));
        assert_eq!((one.status, one.reason), (Some(1), None));
        let two = entry(&Packet::SubAck(SubAck::new(
            1,
            vec![granted, SubscribeReasonCode::Failure],
        )));
        assert_eq!(
            (two.status, two.reason.as_deref()),
            (Some(128), Some("return codes 1 128"))
        );
        let ack = entry(&Packet::PubAck(PubAck::new(9)));
        assert_eq!(ack.payload.as_deref(), Some("packet id 9"));
    }
}
