//! MQTT 3.1.1 as a server reads it: rumqttc's codec, and the checks that it leaves out.

use bytes::{Buf, BytesMut};
use rumqttc::{Codec, Error as CodecError, Packet, QoS};
use tokio_util::codec::{Decoder, Encoder};

/// Decodes what a device may send, encodes what the service sends.
#[derive(Debug)]
pub(crate) struct ServerCodec(Codec);

/// What is wrong with a device's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WireError {
    #[error("a packet with first byte {0:#04x}, which a device may not send")]
    NotADevicesPacket(u8),
    #[error("a packet id of 0")]
    NoPacketId,
    #[error("CONNECT with its reserved flag set")]
    ReservedConnectFlag,
    #[error("CONNECT for protocol level {0}")]
    ProtocolLevel(u8),
    #[error("{0}")]
    Malformed(CodecError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

const CONNECT: u8 = 0x10;

impl ServerCodec {
    pub(crate) fn new(max_packet_size: usize) -> Self {
        Self(Codec {
            max_incoming_size: max_packet_size,
            max_outgoing_size: usize::MAX,
        })
    }
}

impl Decoder for ServerCodec {
    type Item = Packet;
    type Error = WireError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, WireError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if !is_from_device(first) {
            return Err(WireError::NotADevicesPacket(first));
        }
        let reserved = first == CONNECT && connect_flags(bytes).is_some_and(|flags| flags & 1 != 0);
        let packet = self.0.decode(bytes).map_err(|error| match error {
            CodecError::Io(error) => WireError::Io(error),
            CodecError::InvalidProtocolLevel(level) => WireError::ProtocolLevel(level),
            other => WireError::Malformed(other),
        })?;
        match &packet {
            Some(Packet::Connect(_)) if reserved => Err(WireError::ReservedConnectFlag),
            Some(packet) if lacks_id(packet) => Err(WireError::NoPacketId),
            _ => Ok(packet),
        }
    }
}

impl Encoder<Packet> for ServerCodec {
    type Error = WireError;

    fn encode(&mut self, packet: Packet, bytes: &mut BytesMut) -> Result<(), WireError> {
        self.0.encode(packet, bytes).map_err(WireError::Malformed)
    }
}

/// Whether a packet from a device can start with this byte (MQTT 3.1.1, tables 2.1 and 2.2). QoS 2 and retained
/// messages are left out: the service takes neither.
fn is_from_device(first: u8) -> bool {
    const PUBACK: u8 = 0x40;
    const SUBSCRIBE: u8 = 0x82;
    const UNSUBSCRIBE: u8 = 0xa2;
    const PINGREQ: u8 = 0xc0;
    const DISCONNECT: u8 = 0xe0;
    match first {
        CONNECT | PUBACK | SUBSCRIBE | UNSUBSCRIBE | PINGREQ | DISCONNECT => true,
        0x30..=0x3f => first & 0b0101 == 0,
        _ => false,
    }
}

/// The flags of a CONNECT whose beginning is there: behind the remaining length, the protocol's name and its level.
fn connect_flags(bytes: &BytesMut) -> Option<u8> {
    let mut rest = bytes.get(1..)?;
    let length = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    rest.advance(length);
    let name = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
    rest.get(2 + name + 1).copied()
}

fn lacks_id(packet: &Packet) -> bool {
    match packet {
        Packet::Publish(publish) => publish.qos != QoS::AtMostOnce && publish.pkid == 0,
        Packet::PubAck(ack) => ack.pkid == 0,
        Packet::Subscribe(subscribe) => subscribe.pkid == 0,
        Packet::Unsubscribe(unsubscribe) => unsubscribe.pkid == 0,
        _ => false,
    }
}

/// A packet's name in the specification.
pub(crate) fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "CONNECT",
        Packet::ConnAck(_) => "CONNACK",
        Packet::Publish(_) => "PUBLISH",
        Packet::PubAck(_) => "PUBACK",
        Packet::PubRec(_) => "PUBREC",
        Packet::PubRel(_) => "PUBREL",
        Packet::PubComp(_) => "PUBCOMP",
        Packet::Subscribe(_) => "SUBSCRIBE",
        Packet::SubAck(_) => "SUBACK",
        Packet::Unsubscribe(_) => "UNSUBSCRIBE",
        Packet::UnsubAck(_) => "UNSUBACK",
        Packet::PingReq => "PINGREQ",
        Packet::PingResp => "PINGRESP",
        Packet::Disconnect => "DISCONNECT",
    }
}

/// What a packet says, without passwords.
pub(crate) fn detail(packet: &Packet) -> String {
    match packet {
        Packet::Connect(connect) => {
            let username = connect.login.as_ref().map_or("", |login| login.username.as_str());
            format!(
                "{} as {username}, keep-alive {} s",
                connect.client_id, connect.keep_alive
            )
        }
        Packet::ConnAck(ack) => format!("{:?}", ack.code),
        Packet::Publish(publish) => format!("{} {}", publish.topic, String::from_utf8_lossy(&publish.payload)),
        Packet::PubAck(ack) => ack.pkid.to_string(),
        Packet::Subscribe(subscribe) => subscribe
            .filters
            .iter()
            .map(|filter| filter.path.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        Packet::SubAck(ack) => format!("{:?}", ack.return_codes),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.topics.join(" "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_devices_packets_pass_and_with_their_own_flags_only() {
        let allowed: Vec<u8> = (0..=u8::MAX).filter(|&first| is_from_device(first)).collect();
        assert_eq!(allowed, [0x10, 0x30, 0x32, 0x38, 0x3a, 0x40, 0x82, 0xa2, 0xc0, 0xe0]);
    }

    #[test]
    fn the_connect_flags_are_found_behind_the_name() {
        let connect = BytesMut::from([0x10, 16, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xc3].as_slice());
        assert_eq!(connect_flags(&connect), Some(0xc3));
        assert_eq!(connect_flags(&BytesMut::from([0x10, 16, 0].as_slice())), None);
    }
}
