//! A stream whose peer must take what is written to it within a time limit.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::stream_error::Sentence;

/// How long a peer may take to make room for a packet, or for an answer.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// A stream that fails when its peer takes longer than [`SEND_LIMIT`] to take what is written until a flush completes,
/// however many bytes it takes meanwhile.
pub(super) struct SendLimit<S> {
    inner: S,
    /// Runs from the first write that waits for the peer until a flush completes.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> SendLimit<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, deadline: None }
    }

    /// Fails when the deadline has passed, which wakes the task.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(deadline) = &mut self.deadline else {
            return Poll::Pending;
        };
        deadline.as_mut().poll(cx).map(|()| {
            let limit = SEND_LIMIT.as_secs();
            let sentence = Sentence(format!("the peer did not take what was sent within {limit} s"));
            io::Error::new(io::ErrorKind::TimedOut, sentence)
        })
    }

    /// The result of writing or flushing, unless it waits for longer than the limit.
    fn limit<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_pending() && self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep(SEND_LIMIT)));
        }
        match self.poll_deadline(cx) {
            Poll::Ready(late) => Poll::Ready(Err(late)),
            Poll::Pending => result,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SendLimit<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SendLimit<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.limit(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        if let Poll::Ready(Ok(())) = result {
            self.deadline = None;
        }
        self.limit(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
