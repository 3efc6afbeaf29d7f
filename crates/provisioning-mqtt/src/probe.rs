//! A CONNECT that no server accepts, to find out what size of packets a path carries.
//!
//! It is for a protocol level that does not exist. A server answers it with CONNACK 1 and closes the connection
//! ([MQTT 3.1.1, section 3.1.2.2][level]). It contains no credential and ends no session, as a CONNECT of a device would
//! that is registering at the same time.
//!
//! [level]: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html#_Toc398718030

use std::ops::RangeInclusive;

/// The sizes of [`connect`]: two bytes hold the length of what follows them.
pub const SIZES: RangeInclusive<usize> = 256..=16_384;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;

/// The protocol's name, level 127, the flags for a clean session and a user name, no keep-alive, and a client id.
const FIELDS: &[u8] = b"\x00\x04MQTT\x7f\x82\x00\x00\x00\x05probe";

/// A CONNECT of this size, or of the nearest one of [`SIZES`].
pub fn connect(size: usize) -> Vec<u8> {
    let size = size.clamp(*SIZES.start(), *SIZES.end());
    let remaining = size - 3;
    let user_name = remaining - FIELDS.len() - 2;
    let mut packet = vec![CONNECT, low_bits(remaining, 7) | 0x80, low_bits(remaining >> 7, 7)];
    packet.extend_from_slice(FIELDS);
    packet.extend([low_bits(user_name >> 8, 8), low_bits(user_name, 8)]);
    packet.resize(size, b'-');
    packet
}

/// Whether `answer` is complete: a whole CONNACK, or anything that is no CONNACK.
pub fn is_answered(answer: &[u8]) -> bool {
    match answer.first() {
        Some(&CONNACK) => answer.len() >= 4,
        first => first.is_some(),
    }
}

fn low_bits(number: usize, bits: u32) -> u8 {
    let mask = (1_usize << bits) - 1;
    u8::try_from(number & mask).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_has_its_size_and_its_lengths_add_up() {
        for (wanted, size) in [(0, 256), (256, 256), (2048, 2048), (16_384, 16_384), (100_000, 16_384)] {
            let packet = connect(wanted);
            let remaining = usize::from(packet[1] & 0x7f) + (usize::from(packet[2]) << 7);
            let start = 3 + FIELDS.len();
            let user_name = usize::from(packet[start]) << 8 | usize::from(packet[start + 1]);
            assert_eq!((packet.len(), remaining, user_name), (size, size - 3, size - start - 2));
        }
    }

    #[test]
    fn an_answer_is_complete_once_nothing_of_a_connack_is_missing() {
        for (answer, expected) in [
            (&b""[..], false),
            (b"\x20\x02\x00", false),
            (b"\x20\x02\x00\x01", true),
            (b"HTTP", true),
        ] {
            assert_eq!(is_answered(answer), expected, "{answer:?}");
        }
    }
}
