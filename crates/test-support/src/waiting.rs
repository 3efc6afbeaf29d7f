//! Waits with a limit, so that a test whose future hangs fails and names what it waited for.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Longer than the default keep-alive of MQTT, so that a silent device sends a ping first. On a running clock only a
/// failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(200);

/// Longer than any wait of a test with a paused clock.
const FOREVER: Duration = Duration::from_secs(1_000_000);

/// Returns the outcome of `future`, and panics if that takes more than 200 s.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Returns the outcome of `future`, however long it takes on a paused clock, and panics if it never completes.
pub async fn eventually<F: Future>(future: F) -> F::Output {
    timeout(FOREVER, future).await.expect("a call never returned")
}

/// Returns the outcome of `future`, and panics if a paused clock advances before it completes.
pub async fn at_once<F: Future>(future: F) -> F::Output {
    let start = Instant::now();
    let outcome = eventually(future).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "the call waited");
    outcome
}

/// Lets every task run until it waits for something. (A paused clock advances only then.)
pub async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
