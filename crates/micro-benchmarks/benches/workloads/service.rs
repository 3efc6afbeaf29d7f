//! A service in memory: a byte stream that answers each packet at once.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ASSIGNED;

/// It reads packets by hand, so that its share of what is measured is small.
#[derive(Default)]
pub(super) struct Service {
    /// What the device wrote and does not make a packet yet.
    written: BytesMut,
    answers: BytesMut,
    reader: Option<Waker>,
}

impl Service {
    fn answer_packets(&mut self) {
        while let Some((first, body)) = next_packet(&mut self.written) {
            self.answer(first, &body);
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn answer(&mut self, first: u8, body: &[u8]) {
        match first >> 4 {
            // CONNECT: CONNACK
            1 => self.answers.extend_from_slice(&[0x20, 2, 0, 0]),
            // PUBLISH: PUBACK, and the response
            3 => {
                let (topic, rest) = body[2..].split_at(usize::from(u16::from_be_bytes([body[0], body[1]])));
                self.answers.extend_from_slice(&[0x40, 2, rest[0], rest[1]]);
                let request = topic.rsplit(|&byte| byte == b'=').next().expect("a request id");
                self.respond(request);
            }
            // SUBSCRIBE: SUBACK; UNSUBSCRIBE: UNSUBACK
            8 => self.answers.extend_from_slice(&[0x90, 3, body[0], body[1], 1]),
            10 => self.answers.extend_from_slice(&[0xb0, 2, body[0], body[1]]),
            // PUBACK, DISCONNECT
            _ => {}
        }
    }

    fn respond(&mut self, request: &[u8]) {
        let prefix = b"$dps/registrations/res/200/?$rid=";
        let topic_length = prefix.len() + request.len();
        let length = 2 + topic_length + 2 + ASSIGNED.len();
        // A length of two bytes; seven bits in each.
        let [low, high] = [length % 128 + 128, length / 128].map(|byte| u8::try_from(byte).expect("a small packet"));
        let topic_length = u16::try_from(topic_length).expect("a short topic").to_be_bytes();
        for part in [
            &[0x32, low, high],
            &topic_length[..],
            prefix,
            request,
            &[0, 1],
            ASSIGNED,
        ] {
            self.answers.extend_from_slice(part);
        }
    }
}

/// Takes a whole packet: its first byte, and what follows its length.
fn next_packet(written: &mut BytesMut) -> Option<(u8, BytesMut)> {
    let (length, header) = match **written {
        [_, length, ..] if length < 128 => (usize::from(length), 2),
        [_, low, high, ..] => (usize::from(low) - 128 + usize::from(high) * 128, 3),
        _ => return None,
    };
    if written.len() < header + length {
        return None;
    }
    let first = written[0];
    written.advance(header);
    Some((first, written.split_to(length)))
}

impl AsyncWrite for Service {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let service = self.get_mut();
        service.written.extend_from_slice(bytes);
        service.answer_packets();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Service {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let service = self.get_mut();
        if service.answers.is_empty() {
            service.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = service.answers.len().min(into.remaining());
        into.put_slice(&service.answers.split_to(length));
        Poll::Ready(Ok(()))
    }
}
