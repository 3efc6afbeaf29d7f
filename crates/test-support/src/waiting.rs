//! Waiting with a limit: a test whose future hangs fails, and says what did not happen.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Longer than the default keep-alive of MQTT, so that a silent device sends a ping first. Where the clock runs, a test
/// waits that long only when it fails.
const PATIENCE: Duration = Duration::from_secs(200);

/// Longer than any wait of a test with a paused clock.
const FOREVER: Duration = Duration::from_secs(1_000_000);

/// Returns the outcome of `future`, and panics if that takes more than 200 s.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Returns the outcome of `future`, however long it takes on a paused clock, and panics if it never comes.
pub async fn eventually<F: Future>(future: F) -> F::Output {
    timeout(FOREVER, future).await.expect("a call never returned")
}

/// Returns the outcome of `future`, and panics unless it comes before a paused clock moves.
pub async fn at_once<F: Future>(future: F) -> F::Output {
    let start = Instant::now();
    let outcome = eventually(future).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "the call took its time");
    outcome
}

/// Lets every task run until it waits for something. (A paused clock moves only then.)
pub async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
