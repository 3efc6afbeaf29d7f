//! A `cancel` or `disconnect` of the transport that every call which waits for it can poll: a caller that stops polling
//! its own call delays no other one.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use provisioning_types::{PollingTransport, TransportError};

use super::first_poll::FirstPoll;
use crate::machine::Action;

type Outcome = Result<(), TransportError>;

pub(super) struct Closing {
    state: Mutex<State>,
    waiting: Arc<Waiting>,
}

enum State {
    Running(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    Done(Outcome),
}

impl Closing {
    /// Begins the call of the transport that closes; `None` for other actions.
    pub(super) fn begin(
        transport: &Arc<dyn PollingTransport>,
        first_poll: &Arc<FirstPoll>,
        action: &Action,
    ) -> Option<Arc<Self>> {
        let (transport, first_poll) = (Arc::clone(transport), Arc::clone(first_poll));
        let running: Pin<Box<dyn Future<Output = Outcome> + Send>> = match action {
            Action::Cancel => Box::pin(async move {
                first_poll.wait();
                transport.cancel().await
            }),
            Action::Disconnect => Box::pin(async move {
                first_poll.wait();
                transport.disconnect().await
            }),
            Action::Send(_) | Action::Wait | Action::Abort => return None,
        };
        Some(Arc::new(Self {
            state: Mutex::new(State::Running(running)),
            waiting: Arc::default(),
        }))
    }

    /// The result of the transport's call, for each caller.
    pub(super) async fn result(&self) -> Outcome {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The result, if there is one already.
    pub(super) fn result_so_far(&self) -> Option<Outcome> {
        match &*self.state() {
            State::Running(_) => None,
            State::Done(result) => Some(result.clone()),
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        // First: the transport may wake at any time from here on.
        self.waiting.add(cx.waker());
        if self.state.is_poisoned() {
            // The transport panicked: the other callers time out.
            return Poll::Pending;
        }
        let result = {
            let mut state = self.state();
            let running = match &mut *state {
                State::Running(running) => running,
                State::Done(result) => return Poll::Ready(result.clone()),
            };
            let waker = Waker::from(Arc::clone(&self.waiting));
            let Poll::Ready(result) = running.as_mut().poll(&mut Context::from_waker(&waker)) else {
                return Poll::Pending;
            };
            *state = State::Done(result.clone());
            result
        };
        self.waiting.wake_all();
        Poll::Ready(result)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A result is whole even if the lock is poisoned; `poll` looks at that itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wakers of all that wait: each is woken, as any of them may not poll any more.
#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.wakers();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        let wakers = mem::take(&mut *self.wakers());
        for waker in wakers {
            waker.wake();
        }
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}
