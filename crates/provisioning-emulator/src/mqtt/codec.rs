//! MQTT 3.1.1 as a server reads it: rumqttc's codec, and the checks that the codec omits.

use bytes::BytesMut;
use rumqttc::{Codec, Error as CodecError, Packet, QoS, check};
use tokio_util::codec::{Decoder, Encoder};

use crate::net::{Detection, Foreign};

/// Decodes what a device may send, encodes what the service sends.
#[derive(Debug)]
pub(crate) struct ServerCodec {
    codec: Codec,
    /// The largest packet once CONNECT is accepted.
    max_packet_size: usize,
    /// Whether a packet has been decoded.
    started: bool,
}

/// The bytes of a device are invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DecodeError {
    #[error("{0}")]
    FirstByte(String),
    #[error("the first bytes are {0}, and this port has MQTT 3.1.1")]
    Foreign(Foreign),
    #[error("{0} has the packet id 0")]
    NoPacketId(&'static str),
    #[error("{0} has reserved bits set, or bytes that belong to nothing")]
    NotCanonical(&'static str),
    #[error("{0} has a topic filter that is missing, empty or not text")]
    NoFilter(&'static str),
    #[error("CONNECT is for protocol level {0}{name}, and the service has MQTT 3.1.1, level 4", name = version(*.0))]
    ProtocolLevel(u8),
    #[error("{0} is too long: {1} bytes, of which {2} may follow the fixed header")]
    TooLong(&'static str, usize, usize),
    #[error("{0} is malformed")]
    Malformed(&'static str),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

const CONNECT: u8 = 0x10;

/// The largest packet before CONNECT is accepted, in bytes after its fixed header. A token, the longest part of a CONNECT,
/// has a few hundred.
const MAX_CONNECT: usize = 8 * 1024;

/// The protocol level of MQTT 3.1.1.
const LEVEL: u8 = 4;

impl ServerCodec {
    pub(crate) fn new(max_packet_size: usize) -> Self {
        Self {
            codec: Codec {
                max_incoming_size: max_packet_size.min(MAX_CONNECT),
                max_outgoing_size: usize::MAX,
            },
            max_packet_size,
            started: false,
        }
    }

    /// The device is accepted: its packets may be larger from now on.
    pub(crate) fn accepted(&mut self) {
        self.codec.max_incoming_size = self.max_packet_size;
    }
}

impl Decoder for ServerCodec {
    type Item = Packet;
    type Error = DecodeError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if !self.started {
            match Foreign::detect(bytes) {
                Detection::Foreign(Foreign::Mqtt) => self.started = true,
                Detection::Foreign(foreign) => return Err(DecodeError::Foreign(foreign)),
                Detection::Undecided => return Ok(None),
                Detection::Other => self.started = true,
            }
        }
        if !is_from_device(first) {
            return Err(DecodeError::FirstByte(explain(first)));
        }
        let name = name(first);
        let length = match check(bytes.iter(), self.codec.max_incoming_size) {
            Ok(header) => header.frame_length(),
            Err(CodecError::InsufficientBytes(missing)) => {
                bytes.reserve(missing);
                return Ok(None);
            }
            Err(CodecError::PayloadSizeLimitExceeded(length)) => {
                return Err(DecodeError::TooLong(name, length, self.codec.max_incoming_size));
            }
            Err(_) => return Err(DecodeError::Malformed(name)),
        };
        let frame = bytes.split_to(length);
        if bytes.is_empty() {
            // The memory of a large packet is freed with it.
            *bytes = BytesMut::new();
        }
        if first == CONNECT
            && let Some(level) = protocol_level(&frame)
            && level != LEVEL
        {
            return Err(DecodeError::ProtocolLevel(level));
        }
        let packet = Packet::read(&mut frame.clone(), usize::MAX).map_err(|_| DecodeError::Malformed(name))?;
        if lacks_id(&packet) {
            return Err(DecodeError::NoPacketId(name));
        }
        if has_no_filter(&packet) {
            return Err(DecodeError::NoFilter(name));
        }
        match is_canonical(&packet, &frame) {
            true => Ok(Some(packet)),
            false => Err(DecodeError::NotCanonical(name)),
        }
    }
}

impl Encoder<Packet> for ServerCodec {
    type Error = DecodeError;

    fn encode(&mut self, packet: Packet, bytes: &mut BytesMut) -> Result<(), DecodeError> {
        let encoded = self.codec.encode(packet, bytes);
        encoded.map_err(|_| DecodeError::Malformed("a packet of the emulator"))
    }
}

/// Whether a packet from a device can start with this byte (MQTT 3.1.1, tables 2.1 and 2.2). QoS 2 and retained
/// messages are not included: the service accepts neither.
fn is_from_device(first: u8) -> bool {
    const PUBACK: u8 = 0x40;
    const SUBSCRIBE: u8 = 0x82;
    const UNSUBSCRIBE: u8 = 0xa2;
    const PINGREQ: u8 = 0xc0;
    const DISCONNECT: u8 = 0xe0;
    match first {
        CONNECT | PUBACK | SUBSCRIBE | UNSUBSCRIBE | PINGREQ | DISCONNECT => true,
        // A duplicate of QoS 0 is invalid (3.3.1.1).
        0x30 | 0x32 | 0x3a => true,
        _ => false,
    }
}

/// The name of the packet that starts with this byte (MQTT 3.1.1, table 2.1).
fn name(first: u8) -> &'static str {
    const NAMES: [&str; 16] = [
        "a packet of the reserved type 0",
        "CONNECT",
        "CONNACK",
        "PUBLISH",
        "PUBACK",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "SUBSCRIBE",
        "SUBACK",
        "UNSUBSCRIBE",
        "UNSUBACK",
        "PINGREQ",
        "PINGRESP",
        "DISCONNECT",
        "a packet of the reserved type 15",
    ];
    NAMES[usize::from(first >> 4)]
}

/// Why a packet that starts with this byte is not taken from a device.
fn explain(first: u8) -> String {
    let (name, flags) = (name(first), first & 0x0f);
    let why = match (first >> 4, flags) {
        (3, _) if flags & 0b0110 == 0b0110 => "has QoS 3, which MQTT does not define",
        (3, _) if flags & 0b0110 == 0b0100 => "has QoS 2: the service takes QoS 0 and 1",
        (3, _) if flags & 0b0001 != 0 => "is retained: the service takes no retained messages",
        (3, _) => "has QoS 0 and is marked as a duplicate",
        (5..=7, _) => "belongs to QoS 2: the service takes QoS 0 and 1",
        (1 | 4 | 8 | 10 | 12 | 14, _) => "has reserved bits in its first byte that are wrong",
        _ => "is not a packet that a device sends",
    };
    format!("{name} {why}")
}

/// Whether a packet has the bytes that it is written with. The codec ignores reserved bits, an empty password and bytes at
/// the end.
fn is_canonical(packet: &Packet, frame: &[u8]) -> bool {
    // Its first byte has been checked, and its payload is all that follows: only its length can be written otherwise.
    if let Packet::Publish(publish) = packet {
        return publish.size() == frame.len();
    }
    let mut again = BytesMut::with_capacity(frame.len());
    packet.write(&mut again, usize::MAX).is_ok() && again == frame
}

/// The protocol level of a CONNECT, which follows the protocol's name in all versions of MQTT.
fn protocol_level(frame: &[u8]) -> Option<u8> {
    let length = frame.iter().skip(1).take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let header = frame.get(1 + length..)?;
    let names = [&b"\0\x04MQTT"[..], b"\0\x06MQIsdp"];
    let level = names.into_iter().find_map(|name| header.strip_prefix(name))?;
    level.first().copied()
}

/// The version of MQTT that has a protocol level, for people.
fn version(level: u8) -> &'static str {
    match level {
        3 => " (MQTT 3.1)",
        5 => " (MQTT 5)",
        _ => "",
    }
}

/// Whether a packet has no filter, or an invalid one (MQTT 3.1.1, sections 3.8.3, 3.10.3 and 4.7.3).
fn has_no_filter(packet: &Packet) -> bool {
    let is_wrong = |filter: &str| filter.is_empty() || filter.contains('\0');
    match packet {
        Packet::Subscribe(subscribe) => subscribe.filters.iter().any(|filter| is_wrong(&filter.path)),
        Packet::Unsubscribe(unsubscribe) => {
            unsubscribe.topics.is_empty() || unsubscribe.topics.iter().any(|topic| is_wrong(topic))
        }
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_devices_packets_pass_and_with_their_own_flags_only() {
        let allowed: Vec<u8> = (0..=u8::MAX).filter(|&first| is_from_device(first)).collect();
        assert_eq!(allowed, [0x10, 0x30, 0x32, 0x3a, 0x40, 0x82, 0xa2, 0xc0, 0xe0]);
    }

    #[test]
    fn a_first_byte_is_explained_with_the_name_of_its_packet() {
        for (first, sentence) in [
            (0x31, "PUBLISH is retained: the service takes no retained messages"),
            (0x33, "PUBLISH is retained: the service takes no retained messages"),
            (0x34, "PUBLISH has QoS 2: the service takes QoS 0 and 1"),
            (0x35, "PUBLISH has QoS 2: the service takes QoS 0 and 1"),
            (0x36, "PUBLISH has QoS 3, which MQTT does not define"),
            (0x38, "PUBLISH has QoS 0 and is marked as a duplicate"),
            (0x62, "PUBREL belongs to QoS 2: the service takes QoS 0 and 1"),
            (0x80, "SUBSCRIBE has reserved bits in its first byte that are wrong"),
            (0x20, "CONNACK is not a packet that a device sends"),
            (
                0xf0,
                "a packet of the reserved type 15 is not a packet that a device sends",
            ),
        ] {
            assert_eq!(explain(first), sentence);
        }
    }

    #[test]
    fn the_level_is_found_behind_the_name() {
        assert_eq!(
            protocol_level(&[0x10, 16, 0, 4, b'M', b'Q', b'T', b'T', 5, 0xc3]),
            Some(5)
        );
        assert_eq!(
            protocol_level(&[0x10, 0x90, 1, 0, 4, b'M', b'Q', b'T', b'T', 4]),
            Some(4)
        );
        assert_eq!(
            protocol_level(&[0x10, 16, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3]),
            Some(3)
        );
        assert_eq!(protocol_level(&[0x10, 16, 0, 4, b'm', b'q', b't', b't', 4]), None);
        assert_eq!(protocol_level(&[0x10, 16, 0]), None);
    }
}
