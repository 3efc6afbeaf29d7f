//! rumqttc's codec, made strict about what a server may send.

use bytes::BytesMut;
use rumqttc::{Codec, Error as CodecError, Packet};
use tokio_util::codec::{Decoder, Encoder};

/// Decodes what a server may send, encodes what a client sends.
#[derive(Debug)]
pub(super) struct ClientCodec(Codec);

/// Why bytes cannot be read or written as MQTT.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// A packet type, or flags in its first byte, that a server may not send.
    #[error("the server sent a packet with first byte {0:#04x}, which a server may not send")]
    NotAServersPacket(u8),
    /// Too large.
    #[error("the server sent a packet that is larger than this device accepts")]
    TooLarge,
    /// Malformed.
    #[error("the server sent a malformed packet")]
    Malformed(CodecError),
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
}

impl ClientCodec {
    /// Accepts packets of up to `max_packet_size` bytes.
    pub(super) fn new(max_packet_size: usize) -> Self {
        Self(Codec {
            max_incoming_size: max_packet_size,
            max_outgoing_size: usize::MAX,
        })
    }
}

impl Decoder for ClientCodec {
    type Item = Packet;
    type Error = WireError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, WireError> {
        // Checked before the rest arrives: rumqttc's codec ignores reserved flags and surplus bytes.
        match **bytes {
            [first, ..] if !is_from_server(first) => return Err(WireError::NotAServersPacket(first)),
            [first, length, ..] if fixed_length(first).is_some_and(|fixed| fixed != length) => {
                return Err(WireError::Malformed(CodecError::PayloadSizeIncorrect));
            }
            _ => {}
        }
        self.0.decode(bytes).map_err(|error| match error {
            CodecError::Io(error) => WireError::Io(error),
            CodecError::PayloadSizeLimitExceeded(_) => WireError::TooLarge,
            other => WireError::Malformed(other),
        })
    }
}

const CONNACK: u8 = 0x20;
const PUBACK: u8 = 0x40;
const SUBACK: u8 = 0x90;
const UNSUBACK: u8 = 0xb0;
const PINGRESP: u8 = 0xd0;

/// Whether a packet from a server can start with this byte (MQTT 3.1.1, tables 2.1 and 2.2). QoS 2 is left out: nothing
/// was subscribed with it.
fn is_from_server(first: u8) -> bool {
    match first {
        CONNACK | PUBACK | SUBACK | UNSUBACK | PINGRESP => true,
        // PUBLISH with QoS 0 or 1: flags are DUP, QoS (two bits), RETAIN.
        0x30..=0x3f => first & 0b0100 == 0,
        _ => false,
    }
}

/// The remaining length of a packet that starts with this byte, when it is the same for all of them.
fn fixed_length(first: u8) -> Option<u8> {
    match first {
        CONNACK | PUBACK | UNSUBACK => Some(2),
        PINGRESP => Some(0),
        _ => None,
    }
}

impl Encoder<Packet> for ClientCodec {
    type Error = WireError;

    fn encode(&mut self, packet: Packet, bytes: &mut BytesMut) -> Result<(), WireError> {
        self.0.encode(packet, bytes).map_err(WireError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_servers_packets_pass_and_with_their_own_flags_only() {
        let allowed: Vec<u8> = (0..=u8::MAX).filter(|&first| is_from_server(first)).collect();
        let publishes = [0x30, 0x31, 0x32, 0x33, 0x38, 0x39, 0x3a, 0x3b];
        let mut expected = vec![0x20];
        expected.extend(publishes);
        expected.extend([0x40, 0x90, 0xb0, 0xd0]);
        assert_eq!(allowed, expected);
    }

    #[test]
    fn an_oversized_packet_is_refused_before_it_is_buffered() {
        let mut codec = ClientCodec::new(100);
        let mut header_only = BytesMut::from([0x30, 0x80, 0x01].as_slice());
        assert!(matches!(codec.decode(&mut header_only), Err(WireError::TooLarge)));
    }
}
