//! The effects of faults on a layer: at its start, and on the bytes that it carries.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy, sink},
    time::{Sleep, sleep},
};

use super::{graceful_close::close, socket::Reset, stream::Stream, stream_error::Sentence};
use crate::faults::{Cut, Effect};

/// Neither TLS, nor HTTP, nor MQTT.
pub(crate) const GARBAGE: &[u8] = b"\xff\xff\xff\xff\xff\xffgarbage\r\n\r\n";

/// A stream with an effect on its bytes.
struct Faulty<S> {
    inner: S,
    reset: Reset,
    plan: Plan,
}

enum Plan {
    Cut {
        at: Cut,
        with_reset: bool,
        /// The number of bytes sent or received so far, whichever the cut counts.
        bytes: u64,
    },
    /// After the cut: nothing more is sent.
    Over,
    Split {
        size: usize,
        pause: Duration,
        state: Piece,
    },
}

/// Between two pieces.
enum Piece {
    Ready,
    Unflushed,
    Pausing(Pin<Box<Sleep>>),
}

/// Applies an effect at the start of a layer. Returns the stream of the layer, or `None` if the connection has ended.
/// `refusal` is what a refusal sends.
pub(super) async fn begin(mut stream: Stream, effect: Option<Effect>, refusal: &[u8], reset: &Reset) -> Option<Stream> {
    let Some(effect) = effect else {
        return Some(stream);
    };
    if let Effect::Delay(delay) = effect {
        sleep(delay).await;
        return Some(stream);
    }
    let Some(plan) = Plan::of(&effect) else {
        end(&mut stream, &effect, refusal, reset).await;
        return None;
    };
    Some(Box::new(Faulty {
        inner: stream,
        reset: reset.clone(),
        plan,
    }))
}

/// Ends a layer at its start.
async fn end<S>(stream: &mut S, effect: &Effect, refusal: &[u8], reset: &Reset)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match effect {
        Effect::Withhold => {
            // The peer may wait or close.
            let _ = copy(stream, &mut sink()).await;
        }
        Effect::Garbage => close(stream, GARBAGE).await,
        Effect::Close(_) => close(stream, &[]).await,
        Effect::Refuse { .. } if !refusal.is_empty() => close(stream, refusal).await,
        // A reset, or a refusal without bytes; the other effects do not exist at a layer.
        _ => reset.set(),
    }
}

impl Plan {
    /// The plan of an effect that lasts.
    fn of(effect: &Effect) -> Option<Self> {
        let cut = |at, with_reset| Self::Cut {
            at,
            with_reset,
            bytes: 0,
        };
        match effect {
            effect if !effect.lasts() => None,
            Effect::Close(at) => Some(cut(*at, false)),
            Effect::Reset(at) => Some(cut(*at, true)),
            Effect::Split { size, pause } => Some(Self::Split {
                size: *size,
                pause: *pause,
                state: Piece::Ready,
            }),
            _ => None,
        }
    }

    /// How many bytes may still be sent.
    fn may_send(&self) -> u64 {
        match self {
            Self::Cut {
                at: Cut::AfterSent(limit),
                bytes,
                ..
            } => limit - bytes,
            _ => u64::MAX,
        }
    }

    /// How many bytes may still be received.
    fn may_receive(&self) -> u64 {
        match self {
            Self::Cut {
                at: Cut::AfterReceived(limit),
                bytes,
                ..
            } => limit - bytes,
            _ => u64::MAX,
        }
    }

    /// Counts bytes toward the cut.
    fn count(&mut self, more: usize) {
        if let Self::Cut { bytes, .. } = self {
            *bytes += more as u64;
        }
    }
}

impl<S: AsyncWrite + Unpin> Faulty<S> {
    /// Ends the connection as the plan says, and returns the error.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Plan::Cut { with_reset: false, .. } = self.plan {
            // A failed close is a close.
            let _ = ready!(Pin::new(&mut self.inner).poll_shutdown(cx));
        } else {
            self.reset.set();
        }
        self.plan = Plan::Over;
        Poll::Ready(over())
    }

    /// Waits until the next piece may go.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Plan::Split { pause, state, .. } = &mut self.plan else {
            return Poll::Ready(Ok(()));
        };
        if let Piece::Unflushed = state {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            *state = Piece::Pausing(Box::pin(sleep(*pause)));
        }
        if let Piece::Pausing(pausing) = state {
            ready!(pausing.as_mut().poll(cx));
            *state = Piece::Ready;
        }
        Poll::Ready(Ok(()))
    }
}

fn over() -> io::Error {
    let sentence = Sentence("a fault ended the connection".to_owned());
    io::Error::new(io::ErrorKind::ConnectionAborted, sentence)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.reset.is_set() {
            return Poll::Ready(Err(over()));
        }
        let limit = usize::try_from(this.plan.may_receive()).unwrap_or(usize::MAX);
        if limit == usize::MAX {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        if limit > 0 {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(limit.min(buf.remaining())));
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            if read < limit {
                buf.advance(read);
                this.plan.count(read);
                return Poll::Ready(Ok(()));
            }
            this.plan.count(read);
        }
        Poll::Ready(Err(ready!(this.poll_cut(cx))))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.reset.is_set() || matches!(this.plan, Plan::Over) {
            return Poll::Ready(Err(over()));
        }
        ready!(this.poll_piece(cx))?;
        let limit = match &this.plan {
            Plan::Split { size, .. } => *size,
            plan => usize::try_from(plan.may_send()).unwrap_or(usize::MAX),
        };
        if limit == 0 {
            return Poll::Ready(Err(ready!(this.poll_cut(cx))));
        }
        let part = &bytes[..bytes.len().min(limit)];
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, part))?;
        match &mut this.plan {
            Plan::Split { state, .. } => *state = Piece::Unflushed,
            Plan::Cut {
                at: Cut::AfterSent(_), ..
            } => this.plan.count(written),
            _ => {}
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        if self.plan.may_send() == 0 {
            return Poll::Ready(Err(ready!(self.poll_cut(cx))));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.plan {
            Plan::Over => Poll::Ready(Ok(())),
            _ => Pin::new(&mut self.inner).poll_shutdown(cx),
        }
    }
}
