//! Reads frames: turns bytes, as they arrive, into messages, pings and Close frames.

use std::{
    error::Error,
    io::{self, Cursor},
    pin::pin,
    str,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_tungstenite::tungstenite::{
    self,
    error::{CapacityError, ProtocolError},
    protocol::{
        CloseFrame,
        frame::{
            FrameHeader,
            coding::{Control, Data, OpCode},
        },
    },
};

use crate::excerpt::excerpt;

/// The minimum space for one read from the stream below, in bytes. A longer message makes the buffer grow.
const READ_SIZE: usize = 1024;

/// The longest payload of a control frame ([RFC 6455, section 5.5](https://www.rfc-editor.org/rfc/rfc6455#section-5.5)).
const MAX_CONTROL: u64 = 125;

/// Reads the frames of a server. It has no `Debug`, as its buffers hold the data of the connection.
pub(crate) struct FrameReader {
    /// What has arrived of the next frame, without its header once that is complete.
    input: BytesMut,
    /// The header of the next frame and the length of its payload, once the header is complete.
    header: Option<(FrameHeader, usize)>,
    /// The message whose last frame has not arrived.
    message: Option<Message>,
    max_message_size: usize,
}

/// What a server sends.
pub(crate) enum Incoming {
    /// A binary message.
    Message(Bytes),
    /// The payload of a ping.
    Ping(Bytes),
    /// A Close frame, with a code or without.
    Close(Option<CloseFrame>),
}

impl FrameReader {
    /// Starts with `input`, which has already arrived.
    pub(crate) fn new(input: Vec<u8>, max_message_size: usize) -> Self {
        Self {
            input: BytesMut::from(&input[..]),
            header: None,
            message: None,
            max_message_size,
        }
    }

    /// Returns the next message or control frame, or `None` if more bytes must arrive first.
    ///
    /// # Errors
    /// `InvalidData` for a frame that breaks RFC 6455, as soon as its header shows it; for a message over the limit,
    /// before it is buffered; and for a text message.
    pub(crate) fn next(&mut self) -> io::Result<Option<Incoming>> {
        while let Some((header, payload)) = self.next_frame().map_err(invalid)? {
            match header.opcode {
                OpCode::Control(Control::Ping) => return Ok(Some(Incoming::Ping(payload.freeze()))),
                OpCode::Control(Control::Close) => {
                    return close_frame(payload.freeze())
                        .map(|close| Some(Incoming::Close(close)))
                        .map_err(invalid);
                }
                // No opcode is reserved: parsing the header rejects those.
                OpCode::Control(Control::Pong | Control::Reserved(_)) => {}
                OpCode::Data(data) => {
                    let message = Message::with_frame(self.message.take(), data, payload);
                    if header.is_final {
                        return message.into_binary().map(|bytes| Some(Incoming::Message(bytes)));
                    }
                    self.message = Some(message);
                }
            }
        }
        Ok(None)
    }

    /// Reads more from the stream below, and returns how many bytes: 0 at its end.
    ///
    /// # Cancel safety
    /// What was read is kept.
    pub(crate) fn poll_fill<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + Unpin,
    {
        // The buffer grows with what arrives, not with what a header announces.
        self.input.reserve(READ_SIZE);
        pin!(stream.read_buf(&mut self.input)).poll(cx)
    }

    /// The next frame, once all of it has arrived.
    fn next_frame(&mut self) -> tungstenite::Result<Option<(FrameHeader, BytesMut)>> {
        if self.header.is_none() {
            let mut bytes = Cursor::new(&self.input[..]);
            if let Some((header, length)) = FrameHeader::parse(&mut bytes)? {
                let header_length = bytes.get_ref().len() - bytes.remaining();
                let length = self.check(&header, length)?;
                self.input.advance(header_length);
                self.header = Some((header, length));
            }
        }
        let is_complete = |(_, length): &mut (FrameHeader, usize)| *length <= self.input.len();
        let frame = self.header.take_if(is_complete);
        Ok(frame.map(|(header, length)| (header, self.input.split_to(length))))
    }

    /// Checks a frame by its header and the length of its payload, and returns this length.
    fn check(&self, header: &FrameHeader, length: u64) -> tungstenite::Result<usize> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(ProtocolError::NonZeroReservedBits.into());
        }
        if header.mask.is_some() {
            return Err(ProtocolError::MaskedFrameFromServer.into());
        }
        let message_length = match (header.opcode, &self.message) {
            (OpCode::Control(_), _) if !header.is_final => return Err(ProtocolError::FragmentedControlFrame.into()),
            (OpCode::Control(_), _) if length > MAX_CONTROL => return Err(ProtocolError::ControlFrameTooBig.into()),
            (OpCode::Control(_), _) => None,
            (OpCode::Data(Data::Continue), Some(message)) => Some(message.bytes.len()),
            (OpCode::Data(Data::Continue), None) => return Err(ProtocolError::UnexpectedContinueFrame.into()),
            (OpCode::Data(data), Some(_)) => return Err(ProtocolError::ExpectedFragment(data).into()),
            (OpCode::Data(_), None) => Some(0),
        };
        // A length that does not fit into `usize` is over any limit.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let size = message_length.map_or(0, |before| before.saturating_add(length));
        let max_size = self.max_message_size;
        if size > max_size {
            return Err(CapacityError::MessageTooLong { size, max_size }.into());
        }
        Ok(length)
    }
}

/// A message, or the beginning of one.
struct Message {
    is_text: bool,
    bytes: BytesMut,
}

impl Message {
    /// The message with another frame, or the one that begins with it.
    fn with_frame(before: Option<Self>, data: Data, payload: BytesMut) -> Self {
        match before {
            Some(mut message) => {
                message.bytes.extend_from_slice(&payload);
                message
            }
            None => Self {
                is_text: data == Data::Text,
                bytes: payload,
            },
        }
    }

    /// The bytes of a binary message.
    fn into_binary(self) -> io::Result<Bytes> {
        if !self.is_text {
            return Ok(self.bytes.freeze());
        }
        str::from_utf8(&self.bytes).map_err(|error| invalid(tungstenite::Error::from(error)))?;
        let text = excerpt(&self.bytes);
        Err(invalid(format!("a text message where only binary ones belong: {text}")))
    }
}

/// Reads the payload of a Close frame ([RFC 6455, section 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)).
fn close_frame(payload: Bytes) -> tungstenite::Result<Option<CloseFrame>> {
    match payload[..] {
        [] => Ok(None),
        [_] => Err(ProtocolError::InvalidCloseSequence.into()),
        [high, low, ..] => Ok(Some(CloseFrame {
            code: u16::from_be_bytes([high, low]).into(),
            reason: payload.slice(2..).try_into()?,
        })),
    }
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
