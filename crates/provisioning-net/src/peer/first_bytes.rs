//! A stream that keeps the first bytes that its peer sent.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Expected, MAX_FIRST_BYTES, Peer};

/// The first bytes that a peer sent. A clone shares them.
#[derive(Debug, Clone)]
pub(crate) struct FirstBytes(
    /// `None` once they are known to be of the expected protocol.
    Arc<Mutex<Option<Vec<u8>>>>,
);

impl FirstBytes {
    /// The first bytes of this stream, and the stream that keeps them, unless they are of the expected protocol.
    pub(crate) fn of<S>(stream: S, expected: Expected) -> (Self, Recorded<S>) {
        let first = Self(Arc::new(Mutex::new(Some(Vec::new()))));
        let recorded = Recorded {
            stream,
            expected,
            first: first.clone(),
        };
        (first, recorded)
    }

    pub(crate) fn get(&self) -> Vec<u8> {
        self.bytes().clone().unwrap_or_default()
    }

    /// Drops them, and keeps none from now on: the peer speaks the expected protocol.
    pub(crate) fn forget(&self) {
        *self.bytes() = None;
    }

    fn keep(&self, arrived: &[u8], expected: Expected) {
        let mut first = self.bytes();
        if let Some(bytes) = &mut *first {
            if bytes.is_empty() && expected == Expected::Tls && Peer::is_tls(arrived) {
                *first = None;
                return;
            }
            let room = MAX_FIRST_BYTES.saturating_sub(bytes.len());
            bytes.extend_from_slice(&arrived[..arrived.len().min(room)]);
        }
    }

    fn bytes(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forwards all reads and writes, and keeps the first bytes that are read.
pub(crate) struct Recorded<S> {
    stream: S,
    expected: Expected,
    first: FirstBytes,
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.first.keep(&buf.filled()[before..], self.expected);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What is kept of a peer that sends these pieces.
    async fn kept(pieces: &[&[u8]], expected: Expected) -> Vec<u8> {
        let mut stream = tokio_test::io::Builder::new();
        for piece in pieces {
            stream.read(piece);
        }
        let (first, mut stream) = FirstBytes::of(stream.build(), expected);
        stream.read_to_end(&mut Vec::new()).await.expect("all pieces");
        first.get()
    }

    #[tokio::test]
    async fn bytes_are_kept_unless_they_are_of_the_expected_tls() {
        let tls: &[u8] = b"\x16\x03\x03\x00\x7a";
        assert_eq!(kept(&[tls, b"more"], Expected::Tls).await, b"");
        assert_eq!(kept(&[tls], Expected::WebSocket).await, tls);
        let http: &[&[u8]] = &[b"HTTP/1.1 403", b" Forbidden"];
        assert_eq!(kept(http, Expected::Tls).await, b"HTTP/1.1 403 Forbidden");
    }
}
