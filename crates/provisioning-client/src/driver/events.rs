//! The stream of a client's events.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use futures_core::Stream;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::event::{RegistrationEvent, StatusEvent};

/// How many events are kept for a slow listener.
pub(super) const EVENT_CAPACITY: usize = 64;

/// The events of one client, from the moment it was asked for them: a [`Stream`], and methods that need no further
/// crate. A listener that is slow or never reads blocks nothing. It loses the oldest events, and
/// [`StatusEvent::Missed`] says how many.
#[derive(Debug)]
pub struct StatusEvents {
    inner: BroadcastStream<RegistrationEvent>,
    /// How many events were missed since the last one.
    missed: u64,
    /// The event after those that were missed.
    next: Option<RegistrationEvent>,
}

impl StatusEvents {
    pub(super) fn new(receiver: tokio::sync::broadcast::Receiver<RegistrationEvent>) -> Self {
        Self {
            inner: BroadcastStream::new(receiver),
            missed: 0,
            next: None,
        }
    }

    /// The next event; `None` once the client is gone.
    ///
    /// # Cancel safety
    /// Safe: no event is lost by dropping the future.
    pub async fn next(&mut self) -> Option<RegistrationEvent> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<RegistrationEvent> {
        match Pin::new(self).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// [`next`](Self::next) for a thread without a runtime: blocks the thread.
    pub fn blocking_next(&mut self) -> Option<RegistrationEvent> {
        pollster::block_on(self.next())
    }
}

impl Stream for StatusEvents {
    type Item = RegistrationEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RegistrationEvent>> {
        if let Some(event) = self.next.take() {
            return Poll::Ready(Some(event));
        }
        loop {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Err(BroadcastStreamRecvError::Lagged(count))) => self.missed += count,
                Some(Ok(event)) if self.missed > 0 => {
                    let missed = RegistrationEvent {
                        registration_id: event.registration_id.clone(),
                        event: StatusEvent::Missed {
                            count: std::mem::take(&mut self.missed),
                        },
                    };
                    self.next = Some(event);
                    return Poll::Ready(Some(missed));
                }
                Some(Ok(event)) => return Poll::Ready(Some(event)),
                None => return Poll::Ready(None),
            }
        }
    }
}
