//! A WebSocket as bytes, from the upgrade on. Bytes are passed on as they arrive: no frame is collected, however long it
//! says that it is.

use std::{
    io::{self, Cursor},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use super::stream_error::Sentence;

/// How many bytes are read at once.
const CHUNK: usize = 2048;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// The server's side of a WebSocket that carries binary messages. Each write is one message.
pub(super) struct Frames<S> {
    stream: S,
    /// Bytes that arrived and are not passed on yet, at most one chunk and the start of a frame.
    received: BytesMut,
    /// The frame that is arriving, between its header and its end.
    arriving: Option<Arriving>,
    /// Whether the message goes on with another frame.
    is_fragmented: bool,
    /// Frames that are not written yet.
    unsent: BytesMut,
    is_unflushed: bool,
    /// The answer to the latest control frame of the peer.
    reply: Option<(Control, Bytes)>,
    sent_close: bool,
    received_close: bool,
}

/// A frame whose header has arrived.
struct Arriving {
    opcode: OpCode,
    mask: [u8; 4],
    left: u64,
}

impl<S> Frames<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            arriving: None,
            is_fragmented: false,
            unsent: BytesMut::new(),
            is_unflushed: false,
            reply: None,
            sent_close: false,
            received_close: false,
        }
    }

    /// Checks a header (RFC 6455, section 5.2).
    fn begin(&mut self, header: &FrameHeader, length: u64) -> io::Result<()> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(broken("a frame with reserved bits"));
        }
        match header.opcode {
            OpCode::Data(Data::Text) => return Err(broken("a text message")),
            OpCode::Data(Data::Binary) if self.is_fragmented => {
                return Err(broken("a message within another"));
            }
            OpCode::Data(Data::Continue) if !self.is_fragmented => {
                return Err(broken("a continuation of no message"));
            }
            OpCode::Data(_) => self.is_fragmented = !header.is_final,
            OpCode::Control(_) if length > MAX_CONTROL || !header.is_final => {
                return Err(broken("a control frame that is too long or fragmented"));
            }
            OpCode::Control(_) => {}
        }
        self.arriving = Some(Arriving {
            opcode: header.opcode,
            mask: header.mask.ok_or_else(|| broken("a frame without a mask"))?,
            left: length,
        });
        Ok(())
    }

    /// Handles a complete control frame.
    fn control(&mut self, kind: Control, payload: Bytes) {
        match kind {
            Control::Ping if !self.sent_close => self.reply = Some((Control::Pong, payload)),
            Control::Close => {
                self.received_close = true;
                // The status is returned, without its reason.
                let status = payload.slice(..payload.len().min(2));
                self.reply = Some((Control::Close, status)).filter(|_| !self.sent_close);
            }
            _ => {}
        }
    }

    /// Queues a frame.
    fn push(&mut self, opcode: OpCode, payload: &[u8]) {
        let header = FrameHeader {
            is_final: true,
            opcode,
            ..FrameHeader::default()
        };
        let length = payload.len() as u64;
        self.unsent.reserve(header.len(length) + payload.len());
        // Memory takes every byte.
        let _ = header.format(length, &mut (&mut self.unsent).writer());
        self.unsent.put_slice(payload);
        self.sent_close |= opcode == OpCode::Control(Control::Close);
        self.is_unflushed = true;
    }
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// Reads more bytes. Returns whether there were any.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        // An idle connection has no buffer.
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
        self.received.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(!chunk.filled().is_empty()))
    }

    /// Passes on what has arrived. Returns whether it did something.
    fn advance(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<bool> {
        let Some(arriving) = &mut self.arriving else {
            let mut cursor = Cursor::new(&self.received);
            let header = FrameHeader::parse(&mut cursor).map_err(|_| broken("a frame with an unknown opcode"))?;
            let Some((header, length)) = header else {
                return Ok(false);
            };
            let end = usize::try_from(cursor.position()).unwrap_or_default();
            self.received.advance(end);
            self.begin(&header, length)?;
            return Ok(true);
        };
        let left = usize::try_from(arriving.left).unwrap_or(usize::MAX);
        let count = match arriving.opcode {
            OpCode::Control(_) if self.received.len() < left => return Ok(false),
            OpCode::Control(_) => left,
            OpCode::Data(_) => left.min(self.received.len()).min(buf.remaining()),
        };
        if count == 0 && left > 0 {
            return Ok(false);
        }
        let mut part = self.received.split_to(count);
        unmask(&mut part, &mut arriving.mask);
        arriving.left -= count as u64;
        match arriving.opcode {
            OpCode::Control(kind) => {
                self.arriving = None;
                self.control(kind, part.freeze());
            }
            OpCode::Data(_) => {
                if arriving.left == 0 {
                    self.arriving = None;
                }
                buf.put_slice(&part);
            }
        }
        if self.received.is_empty() {
            self.received = BytesMut::new();
        }
        Ok(true)
    }
}

impl<S: AsyncWrite + Unpin> Frames<S> {
    /// Writes what is queued, and then the answer to a control frame.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.unsent.is_empty() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.unsent.advance(written);
            }
            self.unsent = BytesMut::new();
            let Some((kind, payload)) = self.reply.take() else {
                return Poll::Ready(Ok(()));
            };
            self.push(OpCode::Control(kind), &payload);
        }
    }

    fn poll_all_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        loop {
            while !this.received_close && buf.filled().len() == before && this.advance(buf)? {}
            // A peer that takes no answer to its control frames is read on: there is one at most.
            if let Poll::Ready(sent) = this.poll_all_sent(cx) {
                sent?;
            }
            if this.received_close || buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if !ready!(this.poll_receive(cx))? {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the WebSocket ended without a Close frame",
                )));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        if self.sent_close {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.push(OpCode::Data(Data::Binary), bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_all_sent(cx)
    }

    /// Sends a Close frame. The peer answers with another, which ends reading.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_answered = matches!(self.reply, Some((Control::Close, _)));
        if !self.sent_close && !is_answered {
            self.push(OpCode::Control(Control::Close), &[]);
        }
        self.poll_all_sent(cx)
    }
}

/// Removes the mask. Afterwards it is that of the next byte.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    for (byte, mask) in bytes.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    mask.rotate_left(bytes.len() % 4);
}

fn broken(what: &'static str) -> io::Error {
    let sentence = Sentence(format!("the WebSocket is broken: {what}"));
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}
