//! The open WebSocket as a stream of bytes.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use crate::{
    excerpt::excerpt,
    frame_reader::{FrameReader, Incoming},
    frame_writer::FrameWriter,
    wakers::Wakers,
};

/// An open WebSocket as a stream of bytes, made by [`connect`](crate::connect).
///
/// **Writing** sends binary frames. A flush passes them through the stream below. A shutdown sends a Close frame and
/// shuts the stream below down; after it, and after the server's Close frame, writing fails with `BrokenPipe`.
///
/// **Reading** concatenates the binary messages, however they are cut into frames. Pings are answered on the way; a
/// Close frame is too, as far as the stream below takes the answer at once. The end is told once:
///
/// | what arrived | what reading returns |
/// |---|---|
/// | a Close frame without a code or with 1000 | end of stream |
/// | a Close frame with any other code | `ConnectionAborted`, with code and reason |
/// | the end of the stream below without a Close frame | `UnexpectedEof` |
/// | a text message, a message over the limit, a frame that breaks RFC 6455 | `InvalidData` |
/// | an error of the stream below | that error, untouched |
///
/// # Cancel safety
///
/// It can be dropped at any moment, and so can futures that read, write or flush: bytes that were not handed out are
/// still there for the next read. Dropping it sends no Close frame.
pub struct WebSocketStream<S> {
    stream: S,
    reader: FrameReader,
    writer: FrameWriter,
    wakers: Wakers,
    /// What has arrived and was not read yet.
    unread: Bytes,
    /// Reading came to an end, which was told.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// Goes on after the handshake; `rest` is what arrived behind it.
    pub(crate) fn new(stream: S, rest: Vec<u8>, max_message_size: usize) -> Self {
        Self {
            stream,
            reader: FrameReader::new(rest, max_message_size),
            writer: FrameWriter::default(),
            wakers: Wakers::new(),
            unread: Bytes::new(),
            ended: false,
        }
    }

    /// The next binary message, or `None` after an orderly end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let cx = &mut Context::from_waker(self.wakers.of_reader(cx.waker()));
        loop {
            // Reading goes on while the stream below does not take the pong.
            let flushed = match self.writer.must_flush() {
                true => self.writer.poll_flush(&mut self.stream, cx),
                false => Poll::Pending,
            };
            match self.reader.next()? {
                Some(Incoming::Message(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Some(Incoming::Ping(payload)) => self.writer.queue_pong(payload),
                Some(Incoming::Close(close)) => {
                    self.writer.queue_close(answer_to(close.as_ref()).as_ref());
                    // What the stream below does not take now is sent by a flush or a shutdown.
                    let _ = self.writer.poll_flush(&mut self.stream, cx);
                    return Poll::Ready(closed_with(close));
                }
                None => {
                    // What arrived before has been handed out: it may say why writing fails.
                    if let Poll::Ready(Err(error)) = flushed {
                        return Poll::Ready(Err(error));
                    }
                    if ready!(self.reader.poll_fill(&mut self.stream, cx))? == 0 {
                        let what = "the connection ended without a Close frame of the WebSocket";
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, what)));
                    }
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // An empty message is no end of the stream: read on.
        while this.unread.is_empty() && !this.ended && buf.remaining() > 0 {
            match ready!(this.poll_message(cx)) {
                Ok(Some(bytes)) => this.unread = bytes,
                end => {
                    this.ended = true;
                    return Poll::Ready(end.map(drop));
                }
            }
        }
        let length = this.unread.len().min(buf.remaining());
        buf.put_slice(&this.unread.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Self {
            stream, writer, wakers, ..
        } = self.get_mut();
        let cx = &mut Context::from_waker(wakers.of_writer(cx.waker()));
        ready!(writer.poll_write_out(stream, cx))?;
        if writer.is_closed() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the WebSocket is closed",
            )));
        }
        let length = writer.queue_data(buf);
        // What the stream below does not take now is sent by the next write, a flush or a shutdown.
        if let Poll::Ready(written) = writer.poll_write_out(stream, cx) {
            written?;
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            stream, writer, wakers, ..
        } = self.get_mut();
        writer.poll_flush(stream, &mut Context::from_waker(wakers.of_writer(cx.waker())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            stream, writer, wakers, ..
        } = self.get_mut();
        let cx = &mut Context::from_waker(wakers.of_writer(cx.waker()));
        writer.queue_close(None);
        ready!(writer.poll_flush(stream, cx))?;
        Pin::new(stream).poll_shutdown(cx)
    }
}

/// Leaves the buffers out: they may hold somebody's credentials.
impl<S> fmt::Debug for WebSocketStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The Close frame that answers the server's: the same, unless its code may not be sent
/// ([RFC 6455, section 7.4.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)).
fn answer_to(close: Option<&CloseFrame>) -> Option<CloseFrame> {
    close.map(|close| match close.code.is_allowed() {
        true => close.clone(),
        false => CloseFrame {
            code: CloseCode::Protocol,
            reason: "Protocol violation".into(),
        },
    })
}

/// What the server's Close frame means to a reader.
fn closed_with(close: Option<CloseFrame>) -> io::Result<Option<Bytes>> {
    let Some(CloseFrame { code, reason }) = close.filter(|close| close.code != CloseCode::Normal) else {
        return Ok(None);
    };
    let (code, reason) = (u16::from(code), excerpt(reason.as_bytes()));
    let what = format!("the server closed the WebSocket with code {code}: {reason}");
    Err(io::Error::new(
        io::ErrorKind::ConnectionAborted,
        what.trim_end_matches(": "),
    ))
}
