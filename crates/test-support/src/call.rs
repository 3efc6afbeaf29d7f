//! A call that runs in its own task, so that the test can act as the peer.

use provisioning_types::TransportError;
use tokio::task::JoinHandle;

use crate::soon;

/// A call in its own task.
#[derive(Debug)]
pub struct Call<T>(JoinHandle<Result<T, TransportError>>);

impl<T: Send + 'static> Call<T> {
    /// Starts the call.
    pub fn start(call: impl Future<Output = Result<T, TransportError>> + Send + 'static) -> Self {
        Self(tokio::spawn(call))
    }

    /// Returns what the call returns.
    pub async fn outcome(self) -> Result<T, TransportError> {
        soon("an outcome", self.0).await.expect("the call does not panic")
    }

    /// Returns the value of a call that succeeds.
    pub async fn success(self) -> T {
        self.outcome()
            .await
            .unwrap_or_else(|error| panic!("the call failed: {error}"))
    }

    /// Returns the error of a call that fails.
    pub async fn error(self) -> TransportError {
        self.outcome().await.err().expect("the call fails")
    }

    /// Whether the call has returned or was dropped.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Drops the call's future before it completes.
    pub async fn cancel(self) {
        self.0.abort();
        assert!(self.0.await.is_err_and(|error| error.is_cancelled()));
    }
}
