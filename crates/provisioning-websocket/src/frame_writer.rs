//! Writes masked frames, one after another, and at most one control frame between them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame,
    frame::{
        FrameHeader,
        coding::{Control, Data, OpCode},
    },
};

/// The largest payload of a frame, in bytes. A longer write becomes several frames, so that no more than this is copied
/// at a time.
const MAX_FRAME: usize = 64 * 1024;

/// Writes the frames of a client. It has no `Debug`, as its buffers hold the data of the connection.
#[derive(Default)]
pub(crate) struct FrameWriter {
    /// What is left of the frame that is being written.
    frame: BytesMut,
    /// The control frame that follows it: the answer to the latest ping, or Close.
    control: Option<(Control, Bytes)>,
    /// Whether a control frame was queued since the last flush.
    must_flush: bool,
    /// Whether Close was queued. Nothing is queued after it.
    is_closed: bool,
}

impl FrameWriter {
    /// Whether a control frame was queued since the last flush. No user of the stream waits for it, so reading flushes.
    pub(crate) fn must_flush(&self) -> bool {
        self.must_flush
    }

    /// Whether Close was queued, after which nothing is written.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Queues a binary frame, and returns how many of the bytes are in it. The frame before it must have been written.
    pub(crate) fn queue_data(&mut self, bytes: &[u8]) -> usize {
        let payload = &bytes[..bytes.len().min(MAX_FRAME)];
        self.encode(OpCode::Data(Data::Binary), payload);
        payload.len()
    }

    /// Queues the answer to a ping, in place of the answer to an earlier one that could not be written yet
    /// ([RFC 6455, section 5.5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3)).
    pub(crate) fn queue_pong(&mut self, payload: Bytes) {
        if !self.is_closed {
            self.queue_control(Control::Pong, payload);
        }
    }

    /// Queues Close, unless it was queued before.
    pub(crate) fn queue_close(&mut self, close: Option<&CloseFrame>) {
        if !self.is_closed {
            self.is_closed = true;
            let payload =
                close.map(|CloseFrame { code, reason }| [&u16::from(code).to_be_bytes(), reason.as_bytes()].concat());
            self.queue_control(Control::Close, payload.unwrap_or_default().into());
        }
    }

    fn queue_control(&mut self, control: Control, payload: Bytes) {
        self.control = Some((control, payload));
        self.must_flush = true;
    }

    /// Writes everything that is queued.
    pub(crate) fn poll_write_out<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin,
    {
        loop {
            while self.frame.has_remaining() {
                match ready!(Pin::new(&mut *stream).poll_write(cx, &self.frame))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => self.frame.advance(written),
                }
            }
            match self.control.take() {
                Some((control, payload)) => self.encode(OpCode::Control(control), &payload),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Writes everything that is queued, and flushes the stream below.
    pub(crate) fn poll_flush<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin,
    {
        ready!(self.poll_write_out(stream, cx))?;
        ready!(Pin::new(stream).poll_flush(cx))?;
        self.must_flush = false;
        Poll::Ready(Ok(()))
    }

    /// Encodes a frame with a new random mask, which the author of the payload cannot predict
    /// ([RFC 6455, section 10.3](https://www.rfc-editor.org/rfc/rfc6455#section-10.3)).
    fn encode(&mut self, opcode: OpCode, payload: &[u8]) {
        let key: [u8; 4] = rand::random();
        let header = FrameHeader {
            opcode,
            mask: Some(key),
            ..FrameHeader::default()
        };
        self.frame.clear();
        self.frame.reserve(header.len(payload.len() as u64) + payload.len());
        header
            .format(payload.len() as u64, &mut (&mut self.frame).writer())
            .expect("the buffer grows, so writing to it does not fail");
        let start = self.frame.len();
        self.frame.extend_from_slice(payload);
        mask(&mut self.frame[start..], key);
    }
}

/// Masks `bytes` with `key`, over and over ([RFC 6455, section 5.3](https://www.rfc-editor.org/rfc/rfc6455#section-5.3)).
fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let (blocks, rest) = bytes.as_chunks_mut();
    for block in blocks {
        *block = (u32::from_ne_bytes(*block) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}
