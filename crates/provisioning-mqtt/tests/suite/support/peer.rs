//! The service's end of a connection, scripted packet by packet.

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use provisioning_net::{BoxedStream, ByteStream};
use rumqttc::{
    Codec, ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::Framed;

use test_support::soon;

/// The topics of the service's responses.
pub(crate) const ANSWERS: &str = "$dps/registrations/res/#";

pub(crate) struct Peer {
    packets: Framed<BoxedStream, Codec>,
    last_id: u16,
}

/// A request as the service receives it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) topic: String,
    /// The value of `$rid`.
    pub(crate) id: String,
    pub(crate) packet_id: u16,
    pub(crate) body: Vec<u8>,
}

impl Peer {
    pub(crate) fn new(stream: impl ByteStream) -> Self {
        let codec = Codec {
            max_incoming_size: usize::MAX,
            max_outgoing_size: usize::MAX,
        };
        Self {
            packets: Framed::new(Box::new(stream), codec),
            last_id: 100,
        }
    }

    /// The next packet; `None` once the device has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        let packet = soon("a packet", self.packets.next()).await;
        packet.map(|packet| packet.expect("the device sends whole MQTT packets"))
    }

    pub(crate) async fn packet(&mut self) -> Packet {
        self.next().await.expect("the connection is open")
    }

    /// The next bytes, undecoded.
    pub(crate) async fn bytes(&mut self, length: usize) -> Vec<u8> {
        assert!(self.packets.read_buffer().is_empty(), "something was read ahead");
        let mut bytes = vec![0; length];
        let read = soon("the bytes", self.packets.get_mut().read_exact(&mut bytes)).await;
        read.expect("the stream works");
        bytes
    }

    /// Expects DISCONNECT and the end of the stream.
    pub(crate) async fn disconnected(&mut self) {
        assert_eq!(self.next().await, Some(Packet::Disconnect));
        self.closed().await;
    }

    /// Expects UNSUBSCRIBE, DISCONNECT and the end of the stream, and sends nothing.
    pub(crate) async fn left(&mut self) {
        let Packet::Unsubscribe(unsubscribe) = self.packet().await else {
            panic!("the device does not unsubscribe");
        };
        assert_eq!(unsubscribe.topics, [ANSWERS]);
        self.disconnected().await;
    }

    /// Expects the end of the stream, and no packet before it.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.next().await, None);
    }

    /// Waits until the stream fails or ends, and ignores what arrives before.
    pub(crate) async fn gone(&mut self) {
        let mut rest = Vec::new();
        let _ = soon("the end", self.packets.get_mut().read_to_end(&mut rest)).await;
    }

    /// Returns all further bytes, up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.packets.read_buffer_mut().split().to_vec();
        let _ = soon("the end", self.packets.get_mut().read_to_end(&mut rest)).await;
        rest
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let stream = self.packets.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        soon("the device reading", written).await.expect("the stream works");
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        self.send_bytes(&encoded(&packet)).await;
    }

    /// Sends, and ignores the error if the device has closed the connection.
    pub(crate) async fn try_send(&mut self, packet: Packet) {
        let _ = self.packets.send(packet).await;
    }

    /// Expects CONNECT, and accepts it.
    pub(crate) async fn accept(&mut self) -> Connect {
        let Packet::Connect(connect) = self.packet().await else {
            panic!("the device does not begin with CONNECT");
        };
        self.send(accepted()).await;
        connect
    }

    pub(crate) async fn subscription(&mut self) -> Subscribe {
        let Packet::Subscribe(subscribe) = self.packet().await else {
            panic!("the device does not subscribe");
        };
        subscribe
    }

    pub(crate) async fn grant(&mut self, subscribe: &Subscribe) {
        self.send(granted(subscribe)).await;
    }

    /// Expects CONNECT and SUBSCRIBE, and accepts both.
    pub(crate) async fn welcome(&mut self) -> Connect {
        let connect = self.accept().await;
        let subscribe = self.subscription().await;
        self.grant(&subscribe).await;
        connect
    }

    pub(crate) async fn request(&mut self) -> Request {
        let Packet::Publish(publish) = self.packet().await else {
            panic!("the device sends no request");
        };
        assert_eq!(publish.qos, QoS::AtLeastOnce);
        Request {
            id: request_id(&publish.topic).to_owned(),
            topic: publish.topic,
            packet_id: publish.pkid,
            body: publish.payload.to_vec(),
        }
    }

    pub(crate) async fn acknowledge(&mut self, request: &Request) {
        self.send(Packet::PubAck(PubAck::new(request.packet_id))).await;
    }

    /// Answers with QoS 1, and waits until that is acknowledged.
    pub(crate) async fn answer(&mut self, request: &Request, status: &str, body: impl Into<Vec<u8>>) {
        self.publish(&answer_topic(status, &request.id), body).await;
    }

    /// Publishes with QoS 1, and waits until that is acknowledged.
    pub(crate) async fn publish(&mut self, topic: &str, body: impl Into<Vec<u8>>) {
        self.last_id += 1;
        self.send(publish(topic, self.last_id, body)).await;
        assert_eq!(self.packet().await, Packet::PubAck(PubAck::new(self.last_id)));
    }
}

/// An accepting CONNACK.
pub(crate) fn accepted() -> Packet {
    Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false))
}

/// A refusing CONNACK.
pub(crate) fn refused(code: ConnectReturnCode) -> Packet {
    Packet::ConnAck(ConnAck::new(code, false))
}

/// SUBACK.
pub(crate) fn granted(subscribe: &Subscribe) -> Packet {
    let codes = vec![SubscribeReasonCode::Success(QoS::AtLeastOnce)];
    Packet::SubAck(SubAck::new(subscribe.pkid, codes))
}

/// A QoS 1 message.
pub(crate) fn publish(topic: &str, packet_id: u16, body: impl Into<Vec<u8>>) -> Packet {
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, body);
    publish.pkid = packet_id;
    Packet::Publish(publish)
}

/// Further keys of the query may follow `status`: `202&retry-after=3`.
pub(crate) fn answer_topic(status: &str, request_id: &str) -> String {
    let (status, more) = status.split_at(status.find('&').unwrap_or(status.len()));
    format!("$dps/registrations/res/{status}/?$rid={request_id}{more}")
}

pub(crate) fn request_id(topic: &str) -> &str {
    let (_, after) = topic.split_once("/?$rid=").expect("a request has an id");
    after.split('&').next().expect("at least one part")
}

pub(crate) fn encoded(packet: &Packet) -> BytesMut {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).expect("it can be encoded");
    bytes
}
