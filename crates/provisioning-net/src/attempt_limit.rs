//! The limit of one attempt to connect, which the wait for the device's own key does not count into.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use provisioning_types::{ConnectionEvent, WaitStep, Waiting};
use tokio::time::{Instant, sleep_until};

use crate::deadline::Deadline;

/// How long an attempt may take. While it waits for the device's key, its time stands still: other connections with
/// that key take their turns, and nothing can be said of the port yet.
#[derive(Debug)]
pub(crate) struct AttemptLimit<'a> {
    /// The limit of the attempt that this one is a part of.
    outer: Option<&'a AttemptLimit<'a>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    deadline: Deadline,
    /// The last wait that was reported, and since when it lasts.
    waiting: Option<(Waiting, Instant)>,
}

impl State {
    /// Since when the device's key is waited for.
    fn key_awaited_since(&self) -> Option<Instant> {
        let (waiting, since) = self.waiting.as_ref()?;
        (waiting.step == WaitStep::Credential).then_some(*since)
    }
}

/// The attempt took longer than its limit.
#[derive(Debug)]
pub(crate) struct AttemptOver {
    pub(crate) deadline: Deadline,
    pub(crate) waiting: Option<Waiting>,
}

impl<'a> AttemptLimit<'a> {
    /// Starts an attempt now.
    pub(crate) fn new(timeout: Duration, outer: Option<&'a AttemptLimit<'a>>) -> Self {
        let deadline = Deadline::after(timeout);
        let waiting = None;
        Self {
            outer,
            state: Mutex::new(State { deadline, waiting }),
        }
    }

    /// Takes note of what the attempt reports.
    pub(crate) fn note(&self, event: &ConnectionEvent) {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(since) = state.key_awaited_since() {
            state.deadline = state.deadline.later_by(now - since);
        }
        state.waiting = match event {
            ConnectionEvent::WaitingFor(waiting) => Some((waiting.clone(), now)),
            _ => None,
        };
    }

    /// When the attempt has to be complete, as far as it is known now.
    pub(crate) fn deadline(&self) -> Deadline {
        let own = self.state().deadline;
        own.or_earlier(self.outer.map(AttemptLimit::deadline))
    }

    /// The output of the attempt, unless it takes too long.
    pub(crate) async fn limit<F: Future>(&self, attempt: F) -> Result<F::Output, AttemptOver> {
        let (mut attempt, mut sleep) = (pin!(attempt), pin!(sleep_until(self.state().deadline.at())));
        poll_fn(|context| {
            if let Poll::Ready(output) = attempt.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let mut state = self.state();
            if state.key_awaited_since().is_some() {
                // What ends this wait wakes the attempt.
                return Poll::Pending;
            }
            let deadline = state.deadline;
            if sleep.deadline() != deadline.at() {
                sleep.as_mut().reset(deadline.at());
            }
            sleep.as_mut().poll(context).map(|()| {
                let waiting = state.waiting.take().map(|(waiting, _)| waiting);
                Err(AttemptOver { deadline, waiting })
            })
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(12);

    fn waits_for(step: WaitStep) -> ConnectionEvent {
        ConnectionEvent::WaitingFor(Waiting::new(step, "h:1"))
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_at_its_limit_and_names_what_it_waited_for() {
        let start = Instant::now();
        let limit = AttemptLimit::new(LIMIT, None);
        limit.note(&waits_for(WaitStep::Tls));
        let over = limit.limit(pending::<()>()).await.expect_err("it is over");
        assert_eq!(start.elapsed(), LIMIT);
        assert_eq!(over.waiting, Some(Waiting::new(WaitStep::Tls, "h:1")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_the_devices_key_counts_in_no_limit() {
        let start = Instant::now();
        let outer = AttemptLimit::new(LIMIT, None);
        let inner = AttemptLimit::new(LIMIT / 2, Some(&outer));
        let note = |event: &ConnectionEvent| {
            inner.note(event);
            outer.note(event);
        };
        let attempt = async {
            sleep(Duration::from_secs(1)).await;
            note(&waits_for(WaitStep::Credential));
            sleep(Duration::from_secs(100)).await;
            note(&waits_for(WaitStep::Tcp));
            assert_eq!(inner.deadline().at(), start + Duration::from_secs(106));
            pending::<()>().await;
        };
        let over = outer.limit(inner.limit(attempt)).await.expect("the inner one is over");
        assert!(over.is_err());
        assert_eq!(start.elapsed(), Duration::from_secs(106));
    }
}
