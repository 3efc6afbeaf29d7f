//! Futures that may block their thread, kept away from the runtime's threads and from each other.

pub(crate) mod lookup;
mod per_key;
mod workers;

use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use provisioning_types::{BlockingKey, ErrorKind, TransportError};
use tokio::{
    runtime::Handle,
    select,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    task::yield_now,
    time::{Instant, timeout},
};
use tracing::Instrument;

pub(crate) use self::per_key::PerKey;
use self::workers::{Job, NotStarted, WORKERS};
use crate::exhausted::no_thread;

/// How many futures with one key run at the same time.
const MAX_CALLS: usize = 4;

/// How long a future waits for a thread of others where the system gives no further one.
const THREAD_TIMEOUT: Duration = Duration::from_secs(1);

const CANCELLED: &str = "the caller no longer waits for it";

tokio::task_local! {
    /// Changes when the caller of [`Turn::run`] is gone.
    static CANCELLED_BY_CALLER: watch::Receiver<()>;
}

/// Runs a future that may block its thread (a key that signs in an HSM, a file that is read) on a thread of its own,
/// which is not the runtime's. The future can use tokio's timers and I/O.
///
/// Up to four futures with the same `key` run at the same time; others wait for one of them to end, without a thread.
/// Futures with other keys are not delayed, and the runtime does not wait for any of them when it shuts down.
///
/// # Errors
/// - [`ErrorKind::Local`]: the system gives no further thread.
/// - [`ErrorKind::Input`]: the future panicked.
///
/// # Cancel safety
/// Dropping this future drops `work`, as soon as `work` does not block. Until then, `work` counts as one of the four.
pub async fn run_blocking<T: Send + 'static>(
    key: BlockingKey,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, TransportError> {
    Turn::wait(&key).await.run(work).await
}

/// The right to run futures with one key, one after the other. Others wait while it exists, and while one of its
/// futures blocks.
#[derive(Debug, Clone)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held until it is dropped")] Arc<OwnedSemaphorePermit>);

impl Turn {
    /// Waits until fewer than [`MAX_CALLS`] others have one for `key`.
    pub(crate) async fn wait(key: &BlockingKey) -> Self {
        static TURNS: PerKey<Semaphore> = PerKey::new();
        let turns = TURNS.get_or_make(key, || Semaphore::new(MAX_CALLS));
        let turn = turns.acquire_owned().await;
        Self(Arc::new(turn.expect("the semaphore is never closed")))
    }

    /// Runs a future as [`run_blocking`] does.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, TransportError> {
        run(Some(self.clone()), work).await
    }
}

/// Runs a future on a thread, which gives `turn` back.
async fn run<T: Send + 'static>(
    turn: Option<Turn>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, TransportError> {
    let (cancel_guard, cancelled) = watch::channel(());
    let (runtime, work) = (Handle::try_current().ok(), work.in_current_span());
    let result = on_thread(move || {
        let _turn = turn;
        let _entered = runtime.as_ref().map(Handle::enter);
        let work = until_cancelled(cancelled.clone(), work);
        // Not tokio's `block_on`, which cannot be nested: `block_on` below is called in the middle of this one.
        pollster::block_on(CANCELLED_BY_CALLER.scope(cancelled, work))
    });
    let result = result.await?;
    drop(cancel_guard);
    match result {
        Some(Ok(output)) => Ok(output),
        // `work` is not cancelled while this function waits, so its thread unwound.
        Some(Err(_)) | None => Err(TransportError::new(ErrorKind::Input, "a signer or a source panicked")),
    }
}

/// Runs a job on a thread, which goes on if the caller stops waiting. Returns `None` if the job panicked.
async fn on_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>, TransportError> {
    let (sender, result) = oneshot::channel();
    start(Box::new(move |busy| {
        let result = job();
        busy.end(&WORKERS);
        // The caller may be gone.
        let _ = sender.send(result);
    }))
    .await?;
    select! {
        biased;
        result = result => Ok(result.ok()),
        never = hold_paused_time() => match never {},
    }
}

/// Keeps tokio's paused time where it is, as tokio does for its own threads. With time that runs, does nothing.
async fn hold_paused_time() -> Infallible {
    let now = Instant::now();
    // Time that runs has advanced after the first few of these.
    let is_paused = (0..1000).all(|_| Instant::now() == now);
    if !is_paused {
        return pending().await;
    }
    loop {
        // A runtime that has something to do does not advance its time.
        yield_now().await;
    }
}

/// Starts a job. Where the system gives no further thread, waits a moment for one of the others.
async fn start(mut job: Job) -> Result<(), TransportError> {
    loop {
        let mut finished = pin!(WORKERS.finished().notified());
        // From here on no notification is missed.
        finished.as_mut().enable();
        let error = match WORKERS.start(job) {
            Ok(()) => return Ok(()),
            Err(NotStarted {
                job: again,
                error,
                has_threads,
            }) => {
                job = again;
                if !has_threads {
                    return Err(no_thread(error));
                }
                error
            }
        };
        if timeout(THREAD_TIMEOUT, finished).await.is_err() {
            return Err(no_thread(error));
        }
    }
}

/// Waits for `future` in code that cannot await and that the work of [`run_blocking`] calls. Ends when the caller of
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
        // First: timers of a runtime that has shut down must not be polled.
        biased;
        _ = cancelled.changed() => Err(io::Error::other(CANCELLED)),
        result = work => Ok(result),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::{sync::oneshot, time::sleep};

    use super::*;

    /// A key of its own.
    fn key() -> BlockingKey {
        BlockingKey::of(&Arc::new(()))
    }

    /// Long enough for a slow machine; spent in failures only.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn work_may_block_wait_and_use_timers_on_a_runtime_with_one_thread() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = run_blocking(key(), async move {
            sleep(Duration::from_millis(1)).await;
            receiver.recv_timeout(PATIENCE).expect("the runtime goes on")
        });
        let (result, ()) = tokio::join!(work, async { sender.send(7).expect("it is received") });
        assert_eq!(result.expect("no panic"), 7);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let outcome = run_blocking::<()>(key(), async { panic!("on purpose") }).await;
        assert_eq!(outcome.expect_err("a panic").kind(), ErrorKind::Input);
    }

    #[tokio::test]
    async fn dropping_the_call_drops_the_work() {
        let (alive, dropped) = oneshot::channel::<()>();
        let work = run_blocking(key(), async move {
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
        let outcome = run_blocking(key(), async {
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

    #[tokio::test]
    async fn a_key_has_few_turns_at_a_time_and_other_keys_are_not_delayed() {
        let (owner, other) = (Arc::new(()), Arc::new(()));
        let mut turns = vec![];
        for _ in 0..MAX_CALLS {
            turns.push(Turn::wait(&BlockingKey::of(&owner)).await);
        }
        let key = BlockingKey::of(&owner);
        let mut waits = pin!(Turn::wait(&key));
        assert!(timeout(Duration::from_millis(1), waits.as_mut()).await.is_err());
        Turn::wait(&BlockingKey::of(&other)).await;
        turns.pop();
        timeout(PATIENCE, waits).await.expect("its turn");
    }

    #[tokio::test]
    async fn a_call_that_blocks_keeps_its_turn_after_its_caller_is_gone() {
        let owner = Arc::new(());
        let key = BlockingKey::of(&owner);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (started, starts) = oneshot::channel();
        let call = run_blocking(key.clone(), async move {
            started.send(()).expect("the test goes on");
            // Ends when the test drops the sender.
            released.recv()
        });
        select! {
            _ = call => panic!("it blocks"),
            started = starts => started.expect("it starts"),
        }
        let mut turns = vec![];
        for _ in 1..MAX_CALLS {
            turns.push(Turn::wait(&key).await);
        }
        let mut waits = pin!(Turn::wait(&key));
        assert!(timeout(Duration::from_millis(1), waits.as_mut()).await.is_err());
        drop(release);
        timeout(PATIENCE, waits).await.expect("its turn");
    }

    #[tokio::test(start_paused = true)]
    async fn paused_time_stands_still_while_a_call_runs() {
        let (started, starts) = std::sync::mpsc::channel();
        let call = run_blocking(key(), async move {
            started.send(()).expect("the test goes on");
            thread::park_timeout(Duration::from_millis(20));
        });
        let outcome = timeout(Duration::from_secs(30), call).await;
        outcome.expect("time stands still").expect("no panic");
        starts.recv().expect("it ran");
    }
}
