//! The file of the log. A thread writes it: a reader that stalls (of a pipe, say) stalls nothing else.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

/// How many bytes of lines can wait to be written.
const CAPACITY: usize = 32 * 1024 * 1024;

/// How long the end of the log waits for lines to be written.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The file of a log, and the lines that wait to be written to it.
pub(super) struct LogFile {
    /// Present until the end.
    lines: Option<Sender<String>>,
    /// The size of the lines that wait, in bytes.
    queued: Arc<AtomicUsize>,
    capacity: usize,
    /// Disconnected when the last line is written.
    written: Receiver<()>,
    /// How many lines were dropped since the last report.
    dropped: u64,
}

impl LogFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Self::with_capacity(file, CAPACITY)
    }

    pub(super) fn with_capacity(mut file: File, capacity: usize) -> io::Result<Self> {
        let (lines, waiting) = mpsc::channel::<String>();
        let (writing, written) = mpsc::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued);
        thread::Builder::new()
            .name("dps-emulator-log".to_owned())
            .spawn(move || {
                let _writing: Sender<()> = writing;
                for line in waiting {
                    // A full disk must not end the service that is being tested.
                    let _ = file.write_all(line.as_bytes());
                    left.fetch_sub(line.len(), Ordering::AcqRel);
                }
            })?;
        Ok(Self {
            lines: Some(lines),
            queued,
            capacity,
            written,
            dropped: 0,
        })
    }

    /// How many lines were dropped, if their number can be reported now: a line of this size fits again.
    pub(super) fn dropped(&self, size: usize) -> Option<u64> {
        (self.dropped > 0 && self.has_room(size)).then_some(self.dropped)
    }

    /// The number of dropped lines is reported.
    pub(super) fn reported(&mut self) {
        self.dropped = 0;
    }

    /// Queues a line, or drops it while the reader stalls.
    pub(super) fn write(&mut self, line: String) {
        if !self.has_room(line.len()) {
            self.dropped += 1;
            return;
        }
        self.queued.fetch_add(line.len(), Ordering::AcqRel);
        if let Some(lines) = &self.lines {
            // The thread ends only with this sender.
            let _ = lines.send(line);
        }
    }

    fn has_room(&self, size: usize) -> bool {
        self.queued.load(Ordering::Acquire).saturating_add(size) <= self.capacity
    }
}

impl Drop for LogFile {
    /// Waits, within bounds, until all lines are written.
    fn drop(&mut self) {
        self.lines = None;
        let _ = self.written.recv_timeout(DRAIN_TIMEOUT);
    }
}
