//! Connecting to several addresses of one host
//! ([RFC 8305, section 5](https://www.rfc-editor.org/rfc/rfc8305#section-5)).

use std::{future::poll_fn, io, net::SocketAddr, pin::Pin, task::Poll, time::Duration};

use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::{
    network::Network,
    outcome::{AddressAttempt, AddressOutcome},
};
use crate::deadline::Deadline;

/// How long an attempt has a head start over the next one: the Connection Attempt Delay that RFC 8305 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// An attempt in progress.
struct Running<F> {
    index: usize,
    address: SocketAddr,
    since: Instant,
    connecting: Pin<Box<F>>,
}

/// Connects to the addresses in their order. The next attempt starts 250 ms after the previous one did, or as soon as
/// one fails. The first connection counts, and the other attempts are dropped. `attempts` has the outcomes afterwards;
/// without a connection, that is [`None`].
pub(super) async fn race<N: Network>(
    network: &N,
    attempts: &mut [AddressAttempt],
    deadline: Deadline,
) -> Option<N::Stream> {
    let mut untried = 0..attempts.len();
    let mut running = Vec::new();
    let mut next_at = Instant::now();
    while !(untried.is_empty() && running.is_empty()) {
        select! {
            biased;
            (attempt, result) = first_completed(&mut running), if !running.is_empty() => {
                let Running { index, address, since, .. } = attempt;
                match result {
                    Ok(stream) => {
                        end_all(&running, attempts, |_| AddressOutcome::Superseded);
                        attempts[index].end(AddressOutcome::Connected);
                        return Some(stream);
                    }
                    Err(error) => {
                        tracing::debug!(%address, %error, "not connected");
                        attempts[index].end(AddressOutcome::of_error(&error, address, since.elapsed()));
                        next_at = Instant::now();
                    }
                }
            }
            () = deadline.passed() => {
                end_all(&running, attempts, |since| AddressOutcome::NoAnswer(since.elapsed()));
                return None;
            }
            () = reached(next_at), if !untried.is_empty() => {
                if let Some(index) = untried.next() {
                    let (address, since) = (attempts[index].address(), Instant::now());
                    let connecting = Box::pin(network.connect(address));
                    running.push(Running { index, address, since, connecting });
                    next_at = since + ATTEMPT_DELAY;
                }
            }
        }
    }
    None
}

/// Waits until then. A timer that is due already would take a millisecond.
async fn reached(at: Instant) {
    if Instant::now() < at {
        sleep_until(at).await;
    }
}

/// Waits for the first attempt to complete, and removes it.
async fn first_completed<T, F>(running: &mut Vec<Running<F>>) -> (Running<F>, io::Result<T>)
where
    F: Future<Output = io::Result<T>>,
{
    poll_fn(|context| {
        for position in 0..running.len() {
            if let Poll::Ready(result) = running[position].connecting.as_mut().poll(context) {
                return Poll::Ready((running.remove(position), result));
            }
        }
        Poll::Pending
    })
    .await
}

/// Gives every attempt in progress an outcome, by the time of its start.
fn end_all<F>(running: &[Running<F>], attempts: &mut [AddressAttempt], outcome: impl Fn(Instant) -> AddressOutcome) {
    for attempt in running {
        attempts[attempt.index].end(outcome(attempt.since));
    }
}
