//! One waker for the stream below: it wakes the task that reads and the task that writes.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The wakers of the task that reads and of the task that writes.
///
/// A stream keeps the last waker that it was polled with, one for reading and one for writing. A read that sends a pong
/// writes too, and would replace the writer's waker with its own. So the stream below is polled with one waker, which
/// wakes both tasks.
pub(crate) struct Wakers {
    tasks: Arc<Tasks>,
    both: Waker,
}

#[derive(Default)]
struct Tasks {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

impl Wakers {
    pub(crate) fn new() -> Self {
        let tasks = Arc::<Tasks>::default();
        Self {
            both: Arc::clone(&tasks).into(),
            tasks,
        }
    }

    /// Notes the task that reads, and returns the waker for the stream below.
    pub(crate) fn of_reader(&self, task: &Waker) -> &Waker {
        self.tasks.reader.register(task);
        &self.both
    }

    /// Notes the task that writes, and returns the waker for the stream below.
    pub(crate) fn of_writer(&self, task: &Waker) -> &Waker {
        self.tasks.writer.register(task);
        &self.both
    }
}
