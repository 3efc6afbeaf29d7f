//! Orders the first poll of a request and a close that another thread begins meanwhile.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};

/// A first poll takes microseconds. A transport that blocks in it delays a close by no more than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The thread that polls a request for the first time.
///
/// A transport knows a request from the first poll on. Without this, a close could find no request to cancel, and
/// return, while another thread is about to send one.
#[derive(Default)]
pub(super) struct FirstPoll {
    thread: Mutex<Option<ThreadId>>,
    ended: Condvar,
}

/// A first poll in progress.
pub(super) struct InProgress<'a>(&'a FirstPoll);

impl FirstPoll {
    /// Begins a first poll, unless the request must not be sent any more.
    pub(super) fn begin(&self, may_send: impl FnOnce() -> bool) -> Option<InProgress<'_>> {
        let mut thread = self.thread();
        may_send().then(|| {
            *thread = Some(thread::current().id());
            InProgress(self)
        })
    }

    /// Waits for the end of a first poll on another thread. On this one, the caller is a part of it.
    pub(super) fn wait(&self) {
        let this = thread::current().id();
        let is_elsewhere = |thread: &mut Option<ThreadId>| thread.is_some_and(|thread| thread != this);
        // After the longest wait, as if it had ended.
        drop(self.ended.wait_timeout_while(self.thread(), LONGEST_WAIT, is_elsewhere));
    }

    fn thread(&self) -> MutexGuard<'_, Option<ThreadId>> {
        // The state is consistent even if the closure panicked.
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        *self.0.thread() = None;
        self.0.ended.notify_all();
    }
}
