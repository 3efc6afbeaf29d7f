//! The two ends of a connection: a TCP socket or a pipe in memory, either of which can be reset.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    net::TcpStream,
};
use tokio_util::either::Either;

/// The device's end of a connection in memory, from [`Emulator::connect`](crate::Emulator::connect).
#[derive(Debug)]
pub struct Link {
    stream: DuplexStream,
    reset: Reset,
}

/// The emulator's end of a connection.
pub(crate) struct Socket {
    stream: Either<TcpStream, DuplexStream>,
    peer: Option<SocketAddr>,
    reset: Reset,
}

/// The security of a connection in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// TLS, as on a socket.
    Tls,
    /// No TLS: the device's claim of its registration id is accepted.
    Plain,
}

/// Whether a connection ends with a reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reset(Arc<AtomicBool>);

/// A connection in memory, with room for `buffer` bytes each way.
pub(crate) fn in_memory(buffer: usize) -> (Link, Socket) {
    let (device, service) = duplex(buffer);
    let reset = Reset::default();
    let link = Link {
        stream: device,
        reset: reset.clone(),
    };
    let stream = Either::Right(service);
    let peer = None;
    (link, Socket { stream, peer, reset })
}

impl Socket {
    pub(crate) fn tcp(stream: TcpStream, peer: SocketAddr) -> Self {
        // Without it answers are late.
        let _ = stream.set_nodelay(true);
        let stream = Either::Left(stream);
        let (peer, reset) = (Some(peer), Reset::default());
        Self { stream, peer, reset }
    }

    /// The address of the device; none in memory.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(crate) fn reset(&self) -> Reset {
        self.reset.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Either::Left(stream) = &self.stream
            && self.reset.is_set()
        {
            // If it fails, the connection ends with a close.
            let _ = stream.set_zero_linger();
        }
    }
}

impl Reset {
    /// From now on the end of the connection is a reset.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        // Everything that arrived before the reset has been read.
        let ended = buf.filled().len() == before && buf.remaining() > 0;
        Poll::Ready(if ended && self.reset.is_set() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        })
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
