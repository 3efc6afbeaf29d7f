//! The file of the log. A thread writes it: a reader that stalls (of a pipe, say) stalls nothing else.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tokio::task::spawn_blocking;

use super::entry::LogEntry;

/// How many bytes of entries can wait to be written.
const CAPACITY: usize = 8 * 1024 * 1024;

/// How long the end of the log waits for the next entry to be written.
const STALL: Duration = Duration::from_millis(200);

/// How often it waits so: no longer than two seconds in all.
const WAITS: usize = 10;

/// The file of a log, and the entries that wait to be written to it.
pub(super) struct LogFile {
    entries: Sender<Arc<LogEntry>>,
    /// The size of the entries that wait, in bytes.
    queued: Arc<AtomicUsize>,
    capacity: usize,
    /// Disconnected when the last entry is written.
    written: Receiver<()>,
    /// How many entries were dropped since the last report.
    dropped: u64,
}

impl LogFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Self::with_capacity(file, CAPACITY)
    }

    pub(super) fn with_capacity(mut file: File, capacity: usize) -> io::Result<Self> {
        let (entries, waiting) = mpsc::channel::<Arc<LogEntry>>();
        let (writing, written) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued);
        thread::Builder::new()
            .name("dps-emulator-log".to_owned())
            .spawn(move || {
                let _writing: Sender<()> = writing;
                for entry in waiting {
                    // JSON with text as keys can always be written.
                    let line = serde_json::to_string(&*entry).unwrap_or_default() + "\n";
                    // A full disk must not end the service that is being tested.
                    let _ = file.write_all(line.as_bytes());
                    left.fetch_sub(entry.size(), Ordering::AcqRel);
                }
            })?;
        Ok(Self {
            entries,
            queued,
            capacity,
            written,
            dropped: 0,
        })
    }

    /// How many entries were dropped, if their number can be reported now: an entry of this size fits again.
    pub(super) fn dropped(&self, size: usize) -> Option<u64> {
        (self.dropped > 0 && self.has_room(size)).then_some(self.dropped)
    }

    /// The number of dropped entries is reported.
    pub(super) fn reported(&mut self) {
        self.dropped = 0;
    }

    /// Queues an entry, or drops it while the reader stalls.
    pub(super) fn write(&mut self, entry: Arc<LogEntry>) {
        let size = entry.size();
        if !self.has_room(size) {
            self.dropped += 1;
            return;
        }
        self.queued.fetch_add(size, Ordering::AcqRel);
        // The thread ends only with this sender.
        let _ = self.entries.send(entry);
    }

    /// Waits until everything is written, as long as the reader does not stall.
    pub(super) async fn finish(self) {
        let Self {
            entries,
            queued,
            written,
            ..
        } = self;
        drop(entries);
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
        // On a thread of its own: the file is written in real time, even where tokio's time is paused.
        let _ = spawn_blocking(drained).await;
    }

    fn has_room(&self, size: usize) -> bool {
        self.queued.load(Ordering::Acquire).saturating_add(size) <= self.capacity
    }
}
