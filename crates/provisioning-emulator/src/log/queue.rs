//! A bounded queue with a thread that writes what is in it: a reader that stalls (of a pipe, say) stalls nothing else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tokio::task::spawn_blocking;

/// How long the end of the queue waits for the next item to be written.
const STALL: Duration = Duration::from_millis(200);

/// How often it waits so: no longer than a second in all.
const WAITS: usize = 5;

/// Items that wait to be written, each with its size.
pub(crate) struct Queue<T> {
    items: Sender<(usize, T)>,
    /// The size of the items that wait, in bytes.
    queued: Arc<AtomicUsize>,
    capacity: usize,
    /// Disconnected when the last item is written.
    written: Receiver<()>,
    /// How many items were dropped since the last report.
    dropped: u64,
}

/// What the thread writes.
pub(crate) enum Next<T> {
    Item(T),
    /// There was no item for an interval.
    Idle,
    /// There are no more items.
    End,
}

impl<T: Send + 'static> Queue<T> {
    /// Starts the thread. It calls `write` for each item, after each `interval` in which there was no item, and at the
    /// end. With `Duration::MAX` there is no interval.
    pub(crate) fn new(
        capacity: usize,
        interval: Duration,
        mut write: impl FnMut(Next<T>) + Send + 'static,
    ) -> io::Result<Self> {
        let (items, waiting) = mpsc::channel::<(usize, T)>();
        let (writing, written) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued);
        thread::Builder::new()
            .name("dps-emulator-log".to_owned())
            .spawn(move || {
                let _writing: Sender<()> = writing;
                loop {
                    match waiting.recv_timeout(interval) {
                        Ok((size, item)) => {
                            write(Next::Item(item));
                            left.fetch_sub(size, Ordering::AcqRel);
                        }
                        Err(RecvTimeoutError::Timeout) => write(Next::Idle),
                        Err(RecvTimeoutError::Disconnected) => return write(Next::End),
                    }
                }
            })?;
        Ok(Self {
            items,
            queued,
            capacity,
            written,
            dropped: 0,
        })
    }

    /// How many items were dropped, if their number can be reported now: an item of this size fits again.
    pub(crate) fn dropped(&self, size: usize) -> Option<u64> {
        (self.dropped > 0 && self.has_room(size)).then_some(self.dropped)
    }

    /// Queues an item that reports the number of dropped items. It is small, and is not dropped itself.
    pub(crate) fn report(&mut self, size: usize, item: T) {
        self.dropped = 0;
        self.send(size, item);
    }

    /// Queues an item, or drops it while the reader stalls.
    pub(crate) fn push(&mut self, size: usize, item: T) {
        if !self.has_room(size) {
            self.dropped += 1;
            return;
        }
        self.send(size, item);
    }

    fn send(&self, size: usize, item: T) {
        self.queued.fetch_add(size, Ordering::AcqRel);
        // The thread ends only with this sender.
        let _ = self.items.send((size, item));
    }

    /// Whether everything is written.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.queued.load(Ordering::Acquire) == 0
    }

    /// Waits until everything is written, as long as the reader does not stall.
    pub(crate) async fn finish(self) {
        let Self {
            items, queued, written, ..
        } = self;
        drop(items);
        let drained = move || {
            let mut left = queued.load(Ordering::Acquire);
            for _ in 0..WAITS {
                let still = match written.recv_timeout(STALL) {
                    Err(RecvTimeoutError::Timeout) => queued.load(Ordering::Acquire),
                    _ => return,
                };
                // What has not been written by then is lost.
                if still == left {
                    return;
                }
                left = still;
            }
        };
        // On a thread of its own: it is written in real time, even where tokio's time is paused.
        let _ = spawn_blocking(drained).await;
    }

    fn has_room(&self, size: usize) -> bool {
        self.queued.load(Ordering::Acquire).saturating_add(size) <= self.capacity
    }
}
