//! What the tests share.

pub(crate) mod bodies;
pub(crate) mod device;
pub(crate) mod identity;
pub(crate) mod line;
pub(crate) mod mocks;
pub(crate) mod peer;

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long a test waits for what must happen: virtual time where the clock is paused, and spent in failures only.
/// Longer than the default keep-alive, so that a silent device pings first.
const PATIENCE: Duration = Duration::from_secs(200);

/// The outcome of `future`, unless it hangs.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let outcome = timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Lets every task run until it waits for something. (A paused clock moves only then.)
pub(crate) async fn settle() {
    sleep(Duration::from_millis(1)).await;
}
