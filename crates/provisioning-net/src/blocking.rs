//! Futures that may block their thread, kept away from the runtime's threads.

use std::{future::Future, io};

use tokio::{select, sync::watch, task::spawn_blocking};

const CANCELLED: &str = "the caller no longer waits for it";

tokio::task_local! {
    /// Changes when the caller of [`run_blocking`] is gone.
    static CANCELLED_BY_CALLER: watch::Receiver<()>;
}

/// Runs a future that may block its thread (a key that signs in an HSM, a file that is read) on a thread where blocking
/// does no harm. The future can use tokio's timers and I/O.
///
/// # Errors
/// The future panicked.
///
/// # Cancel safety
/// Dropping this future drops `work`, as soon as `work` does not block.
pub async fn run_blocking<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    let (cancel_guard, cancelled) = watch::channel(());
    // Not tokio's `block_on`, which cannot be nested: `block_on` below is called in the middle of this one. The thread
    // belongs to the runtime all the same, so timers and I/O work.
    let thread = spawn_blocking(|| {
        let work = until_cancelled(cancelled.clone(), work);
        pollster::block_on(CANCELLED_BY_CALLER.scope(cancelled, work))
    });
    let result = thread.await.map_err(io::Error::other)?;
    drop(cancel_guard);
    result
}

/// Waits for `future` in code that cannot await and that [`run_blocking`]'s work calls. Ends when the caller of
/// `run_blocking` is gone.
///
/// # Errors
/// The caller is gone.
#[cfg(feature = "tls")]
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let cancelled = CANCELLED_BY_CALLER.try_with(Clone::clone).map_err(io::Error::other)?;
    pollster::block_on(until_cancelled(cancelled, future))
}

async fn until_cancelled<T>(mut cancelled: watch::Receiver<()>, work: impl Future<Output = T>) -> io::Result<T> {
    select! {
        result = work => Ok(result),
        _ = cancelled.changed() => Err(io::Error::other(CANCELLED)),
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use tokio::{
        sync::oneshot,
        time::{sleep, timeout},
    };

    use super::*;

    /// Long enough for a slow machine; spent in failures only.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn work_may_block_wait_and_use_timers_on_a_runtime_with_one_thread() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = run_blocking(async move {
            sleep(Duration::from_millis(1)).await;
            receiver.recv_timeout(PATIENCE).expect("the runtime goes on")
        });
        let (result, ()) = tokio::join!(work, async { sender.send(7).expect("it is received") });
        assert_eq!(result.expect("no panic"), 7);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let outcome = run_blocking::<()>(async { panic!("on purpose") }).await;
        assert!(outcome.is_err());
    }

    #[tokio::test]
    async fn dropping_the_call_drops_the_work() {
        let (alive, dropped) = oneshot::channel::<()>();
        let work = run_blocking(async move {
            let _alive = alive;
            pending::<()>().await;
        });
        assert!(timeout(Duration::from_millis(20), work).await.is_err());
        let outcome = timeout(PATIENCE, dropped).await.expect("the work is dropped");
        assert!(outcome.is_err());
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn work_can_wait_in_code_that_cannot_await_however_often() {
        let outcome = run_blocking(async {
            block_on(async {
                sleep(Duration::from_millis(1)).await;
                // More than the cooperative budget of a task.
                for _ in 0..1000 {
                    let (sender, receiver) = oneshot::channel();
                    sender.send(()).expect("it is received");
                    receiver.await.expect("it was sent");
                }
            })
        });
        let outcome = timeout(PATIENCE, outcome).await.expect("it does not hang");
        outcome.expect("no panic").expect("not cancelled");
        assert!(block_on(async {}).is_err(), "outside of `run_blocking`");
    }
}
