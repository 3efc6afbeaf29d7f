//! The open WebSocket as a stream of bytes.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};

use crate::excerpt::excerpt;

/// A longer write becomes several frames, so that no more than this is copied at a time.
const MAX_FRAME: usize = 64 * 1024;

/// How much is read from the stream below at a time: one TLS record.
const READ_SIZE: usize = 16 * 1024;

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
    socket: tokio_tungstenite::WebSocketStream<S>,
    /// What has arrived and was not read yet.
    unread: Bytes,
    /// Reading came to an end, which was told.
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    /// Goes on after the handshake; `rest` is what arrived behind it.
    pub(crate) async fn new(stream: S, rest: Vec<u8>, max_message_size: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_SIZE)
            .write_buffer_size(0)
            // Every write begins with an empty buffer, so there is room for pongs beside its frame. A server that pings
            // without reading fills that, and no more.
            .max_write_buffer_size(2 * MAX_FRAME)
            .max_frame_size(Some(max_message_size))
            .max_message_size(Some(max_message_size));
        let part = tokio_tungstenite::WebSocketStream::from_partially_read(stream, rest, Role::Client, Some(config));
        Self {
            socket: part.await,
            unread: Bytes::new(),
            ended: false,
        }
    }

    /// The next binary message, or `None` after an orderly end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
                // Reading on sends the pong.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Text(text))) => {
                    let text = excerpt(text.as_bytes());
                    let what = format!("a text message where only binary ones belong: {text}");
                    Err(io::Error::new(io::ErrorKind::InvalidData, what))
                }
                Some(Ok(Message::Close(close))) => {
                    // Sends the answer. Not by a flush: that would take the place of a writer's waker.
                    let _ = Pin::new(&mut self.socket).poll_next(cx);
                    closed_with(close)
                }
                Some(Err(error)) => Err(io_error(error)),
                None => Ok(None),
            });
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
        let frame = &buf[..buf.len().min(MAX_FRAME)];
        if frame.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut socket = Pin::new(&mut self.get_mut().socket);
        ready!(socket.as_mut().poll_flush(cx)).map_err(io_error)?;
        socket
            .start_send(Message::Binary(Bytes::copy_from_slice(frame)))
            .map_err(io_error)?;
        Poll::Ready(Ok(frame.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut self.get_mut().socket;
        ready!(Pin::new(&mut *socket).poll_close(cx)).map_err(io_error)?;
        Pin::new(socket.get_mut()).poll_shutdown(cx)
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

/// An error of the stream below passes through as it is: its source may matter to the caller.
fn io_error(error: Error) -> io::Error {
    let kind = match error {
        Error::Io(error) => return error,
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
            io::ErrorKind::BrokenPipe
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}
