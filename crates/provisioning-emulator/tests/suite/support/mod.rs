//! A device that speaks raw MQTT over any stream.

pub(crate) mod http;
pub(crate) mod tls;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use provisioning_emulator::{Builder, Direction, Emulator, Link, Port, Security};
use rumqttc::{Codec, Connect, ConnectReturnCode, Login, Packet, PubAck, Publish, QoS, Subscribe};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::codec::Framed;

pub(crate) const ID_SCOPE: &str = "0ne00A1B2C3";
/// A payload that is not the same when its numbers or the order of its members change.
pub(crate) const PAYLOAD: &str = r#"{"z":12345678901234567890123,"a":1.0}"#;
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

/// Nothing takes longer than this, in virtual or in real time: a test that waits longer fails.
const LIMIT: Duration = Duration::from_secs(90);

pub(crate) fn builder() -> Builder {
    Emulator::builder().id_scope(ID_SCOPE)
}

pub(crate) fn in_memory() -> Emulator {
    builder().start_in_memory().expect("an emulator")
}

/// Shuts the emulator down within the limit.
pub(crate) async fn stop(emulator: Emulator) {
    timeout(LIMIT, emulator.shutdown()).await.expect("ended in time");
}

/// A connection without TLS, on which the registration id of a device is accepted.
pub(crate) fn plain(emulator: &Emulator) -> Link {
    emulator.connect(Port::Mqtt, Security::Plain, 64 * 1024)
}

pub(crate) fn user_name(registration_id: &str) -> String {
    format!("{ID_SCOPE}/registrations/{registration_id}/api-version=2019-03-31&ClientVersion=test%2F1")
}

pub(crate) fn register_topic(request_id: &str) -> String {
    format!("$dps/registrations/PUT/iotdps-register/?$rid={request_id}")
}

pub(crate) fn query_topic(request_id: &str, operation_id: &str) -> String {
    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={request_id}&operationId={operation_id}")
}

pub(crate) fn connect_packet(registration_id: &str) -> Connect {
    let mut connect = Connect::new(registration_id);
    connect.keep_alive = 0;
    connect.login = Some(Login::new(user_name(registration_id), ""));
    connect
}

/// A response of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) topic: String,
    pub(crate) packet_id: u16,
    pub(crate) body: Value,
}

pub(crate) struct Device<S> {
    framed: Framed<S, Codec>,
    last_id: u16,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Device<S> {
    pub(crate) fn over(stream: S) -> Self {
        let codec = Codec {
            max_incoming_size: 1024 * 1024,
            max_outgoing_size: 16 * 1024 * 1024,
        };
        Self {
            framed: Framed::new(stream, codec),
            last_id: 0,
        }
    }

    /// Connected and accepted.
    pub(crate) async fn accepted(stream: S, registration_id: &str) -> Self {
        let mut device = Self::over(stream);
        assert_eq!(
            device.connect(connect_packet(registration_id)).await,
            ConnectReturnCode::Success
        );
        device
    }

    /// Connected and subscribed to the answers.
    pub(crate) async fn ready(stream: S, registration_id: &str) -> Self {
        let mut device = Self::accepted(stream, registration_id).await;
        device.subscribe().await;
        device
    }

    pub(crate) async fn connect(&mut self, connect: Connect) -> ConnectReturnCode {
        self.send(Packet::Connect(connect)).await;
        match self.receive().await {
            Packet::ConnAck(ack) => {
                assert!(!ack.session_present);
                ack.code
            }
            other => panic!("not CONNACK: {other:?}"),
        }
    }

    pub(crate) async fn subscribe(&mut self) {
        let pkid = self.next_id();
        let mut subscribe = Subscribe::new(ANSWERS, QoS::AtLeastOnce);
        subscribe.pkid = pkid;
        self.send(Packet::Subscribe(subscribe)).await;
        assert!(matches!(self.receive().await, Packet::SubAck(ack) if ack.pkid == pkid));
    }

    pub(crate) async fn register(&mut self, registration_id: &str) -> Answer {
        self.request(
            &register_topic("r"),
            &json!({ "registrationId": registration_id }).to_string(),
        )
        .await
    }

    pub(crate) async fn query(&mut self, operation_id: &str) -> Answer {
        self.request(&query_topic("q", operation_id), " ").await
    }

    /// Publishes with QoS 1, and waits for PUBACK and the answer, which it acknowledges.
    pub(crate) async fn request(&mut self, topic: &str, body: &str) -> Answer {
        let pkid = self.publish(topic, body).await;
        assert_eq!(self.receive().await, Packet::PubAck(PubAck::new(pkid)));
        let answer = self.answer().await;
        self.send(Packet::PubAck(PubAck::new(answer.packet_id))).await;
        answer
    }

    pub(crate) async fn publish(&mut self, topic: &str, body: &str) -> u16 {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, body);
        publish.pkid = self.next_id();
        let pkid = publish.pkid;
        self.send(Packet::Publish(publish)).await;
        pkid
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let Packet::Publish(publish) = self.receive().await else {
            panic!("not an answer")
        };
        assert_eq!(
            (publish.qos, publish.retain, publish.dup),
            (QoS::AtLeastOnce, false, false)
        );
        let rest = publish
            .topic
            .strip_prefix("$dps/registrations/res/")
            .expect("an answer's topic");
        let (status, _) = rest.split_once("/?").expect("a query");
        Answer {
            status: status.parse().expect("a status"),
            packet_id: publish.pkid,
            body: serde_json::from_slice(&publish.payload).expect("JSON"),
            topic: publish.topic,
        }
    }

    pub(crate) async fn ping(&mut self) {
        self.send(Packet::PingReq).await;
        assert_eq!(self.receive().await, Packet::PingResp);
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        timeout(LIMIT, self.framed.send(packet))
            .await
            .expect("in time")
            .expect("sent");
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        timeout(LIMIT, self.framed.get_mut().write_all(bytes))
            .await
            .expect("in time")
            .expect("sent");
    }

    pub(crate) async fn receive(&mut self) -> Packet {
        self.next().await.expect("the connection has ended").expect("a packet")
    }

    /// Expects the end of the connection, and no packet before it.
    pub(crate) async fn is_closed(&mut self) {
        let next = self.next().await;
        assert!(next.is_none(), "{next:?}");
    }

    /// The next packet, or the connection's end.
    pub(crate) async fn next(&mut self) -> Option<Result<Packet, rumqttc::Error>> {
        timeout(LIMIT, self.framed.next()).await.expect("in time")
    }

    /// The stream, to read bytes from; nothing of it has been read ahead.
    pub(crate) fn into_stream(self) -> S {
        assert!(self.framed.read_buffer().is_empty(), "bytes were read ahead");
        self.framed.into_inner()
    }

    fn next_id(&mut self) -> u16 {
        self.last_id += 1;
        self.last_id
    }
}

/// Sends bytes, and returns everything that arrives until the service closes the connection.
pub(crate) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    timeout(LIMIT, stream.write_all(bytes))
        .await
        .expect("in time")
        .expect("sent");
    let mut answered = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut answered))
        .await
        .expect("closed in time")
        .expect("read");
    answered
}

/// A packet with this first byte, and these bytes after the remaining length.
pub(crate) fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let (low, high) = (rest.len() % 128, rest.len() / 128);
    let mut bytes = vec![first];
    match u8::try_from(high).expect("a small packet") {
        0 => bytes.push(u8::try_from(low).expect("below 128")),
        high => bytes.extend([u8::try_from(low).expect("below 128") | 0x80, high]),
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// Text as MQTT encodes it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// CONNECT of the device `d` with this protocol name, level and flags.
pub(crate) fn connect_bytes(name: &str, level: u8, flags: u8) -> Vec<u8> {
    let head = [&text(name)[..], &[level, flags, 0, 0]].concat();
    packet(0x10, &[head, text("d"), text(&user_name("d"))].concat())
}

/// The reasons of all refusals, in order.
pub(crate) fn refusals(emulator: &Emulator) -> Vec<String> {
    let log = emulator.log().into_iter();
    let refusals = log.filter(|entry| entry.is_refusal());
    refusals.map(|entry| entry.reason.clone().unwrap_or_default()).collect()
}

/// The reasons of all decisions of this kind, in order.
pub(crate) fn notes(emulator: &Emulator, kind: &str) -> Vec<String> {
    let log = emulator.log().into_iter();
    let noted = log.filter(|entry| entry.direction == Direction::Note && entry.kind.as_str() == kind);
    noted.map(|entry| entry.reason.clone().unwrap_or_default()).collect()
}
