//! Threads for jobs that may block: started when a job needs one, reused, and ended when they are idle.
//!
//! They are not the runtime's. A runtime waits for its own threads when it shuts down, and starts only so many.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

/// How long a thread waits for another job before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type Job = Box<dyn FnOnce(&mut Busy) + Send>;

/// The threads of this process.
pub(super) static WORKERS: Workers = Workers::new();

pub(super) struct Workers {
    state: Mutex<State>,
    /// Wakes a thread that waits for a job.
    queued: Condvar,
    /// Notified when a thread has finished a job.
    finished: Notify,
}

struct State {
    /// Jobs that no thread has taken yet. Each has a thread that will, so there are never more than `idle`.
    queue: VecDeque<Job>,
    /// Threads without a job, those that start included.
    idle: usize,
    /// All threads.
    threads: usize,
}

/// A job that was not started.
pub(super) struct NotStarted {
    pub(super) job: Job,
    /// Why there is no further thread.
    pub(super) error: io::Error,
    /// Whether a thread may finish its job, and then take another.
    pub(super) has_threads: bool,
}

/// Whether the thread of a job is busy with it.
pub(super) struct Busy(bool);

impl Busy {
    /// The thread takes the next job from now on: a caller that learns of the result only then starts no other thread.
    pub(super) fn end(&mut self, workers: &Workers) {
        if std::mem::take(&mut self.0) {
            workers.state().idle += 1;
            workers.finished.notify_waiters();
        }
    }
}

impl Workers {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                idle: 0,
                threads: 0,
            }),
            queued: Condvar::new(),
            finished: Notify::const_new(),
        }
    }

    /// Runs `job` on a thread of its own, at once.
    ///
    /// # Errors
    /// The system gives no further thread.
    pub(super) fn start(&'static self, job: Job) -> Result<(), NotStarted> {
        let mut state = self.state();
        if state.idle > state.queue.len() {
            state.queue.push_back(job);
            drop(state);
            self.queued.notify_one();
            return Ok(());
        }
        let thread = thread::Builder::new().name("provisioning-blocking".to_owned());
        // The thread waits for the lock that is held here.
        match thread.spawn(|| self.work()) {
            Ok(_) => {
                state.queue.push_back(job);
                state.idle += 1;
                state.threads += 1;
                Ok(())
            }
            Err(error) => Err(NotStarted {
                job,
                error,
                has_threads: state.threads > 0,
            }),
        }
    }

    /// Notified when a thread has finished a job.
    pub(super) fn finished(&self) -> &Notify {
        &self.finished
    }

    /// What each thread does.
    fn work(&self) {
        let mut state = self.state();
        loop {
            let waited = self
                .queued
                .wait_timeout_while(state, IDLE_TIMEOUT, |state| state.queue.is_empty());
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            let Some(job) = state.queue.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let mut busy = Busy(true);
            // If a job panics, its channel is dropped, and the caller that waits for it returns an error.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut busy)));
            busy.end(self);
            state = self.state();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
