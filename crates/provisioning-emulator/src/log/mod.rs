//! The log of packets and decisions, for tests to assert on and for people to read.

mod cut;
mod entry;
mod file;
mod kind;
mod queue;

use std::{
    collections::VecDeque,
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, watch};

pub(crate) use entry::Origin;
pub use entry::{Direction, LogEntry};
pub use kind::LogKind;
#[cfg(feature = "cli")]
pub(crate) use queue::Next;
pub(crate) use queue::Queue;

/// How many bytes of entries an answer over HTTP has, about; at least one entry.
pub(crate) const ANSWER_SIZE: usize = 256 * 1024;

/// How many bytes of entries are kept.
const CAPACITY: usize = 8 * 1024 * 1024;

/// The log of an emulator, shared by all its connections.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Sink>>);

type Observer = Box<dyn FnMut(&Arc<LogEntry>) + Send>;

#[derive(Default)]
struct Sink {
    entries: VecDeque<Arc<LogEntry>>,
    /// The number of the newest entry, kept or not.
    last: u64,
    /// The same, for tasks that wait for an entry.
    newest: watch::Sender<u64>,
    /// The size of all kept entries, in bytes.
    size: usize,
    file: Option<Queue<Arc<LogEntry>>>,
    /// Is called with every entry; must not block.
    observer: Option<Observer>,
    /// Receive every new entry. A waiter that is gone is removed by the next write.
    waiters: Vec<mpsc::UnboundedSender<Arc<LogEntry>>>,
}

impl Log {
    /// A log that is also appended to `file`, one JSON object per line.
    pub(crate) fn new(file: Option<File>) -> io::Result<Self> {
        let log = Self::default();
        if let Some(file) = file {
            let writer = file::writer(file, file::CAPACITY, Arc::downgrade(&log.0))?;
            log.sink().file = Some(writer);
        }
        Ok(log)
    }

    pub(crate) fn write(&self, entry: LogEntry) {
        self.sink().write(entry);
    }

    /// As [`write`](Self::write), except to the file, which cannot be written.
    fn write_without_file(&self, entry: LogEntry) {
        let mut sink = self.sink();
        let file = sink.file.take();
        sink.write(entry);
        sink.file = file;
    }

    pub(crate) fn entries(&self) -> Vec<Arc<LogEntry>> {
        self.sink().entries.iter().cloned().collect()
    }

    /// The oldest entries after number `n`, of at most about so many bytes but at least one, and whether there are more.
    pub(crate) fn after(&self, n: u64, bytes: usize) -> (Vec<Arc<LogEntry>>, bool) {
        let sink = self.sink();
        let later = sink.entries.range(sink.index_after(n)..);
        let (total, fitting) = (later.len(), fitting(later, bytes));
        let has_more = fitting.len() < total;
        (fitting, has_more)
    }

    /// The newest entries after number `n`, of at most about so many bytes but at least one; oldest first.
    pub(crate) fn tail(&self, n: u64, bytes: usize) -> Vec<Arc<LogEntry>> {
        let sink = self.sink();
        let mut entries = fitting(sink.entries.range(sink.index_after(n)..).rev(), bytes);
        entries.reverse();
        entries
    }

    /// Waits until an entry after number `n` is kept.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn has_after(&self, n: u64) {
        let mut newest = self.sink().newest.subscribe();
        // Subscribed before: no entry is missed between a look and the wait. An entry may be cleared after it is written.
        while self.sink().entries.back().is_none_or(|entry| entry.n <= n) {
            newest.changed().await.expect("the log keeps the sender");
        }
    }

    /// The first entry that `accept` accepts, of those that are kept and then of those that are written.
    pub(crate) async fn wait_for(&self, mut accept: impl FnMut(&LogEntry) -> bool) -> Arc<LogEntry> {
        // One lock for both: no entry is written between the kept ones and the first received one, and an entry that
        // is forgotten before this task runs again has been received.
        let (kept, mut written) = {
            let mut sink = self.sink();
            let (waiter, written) = mpsc::unbounded_channel();
            sink.waiters.push(waiter);
            (sink.entries.iter().cloned().collect::<Vec<_>>(), written)
        };
        if let Some(entry) = kept.into_iter().find(|entry| accept(entry)) {
            return entry;
        }
        loop {
            let entry = written.recv().await.expect("the log keeps the sender");
            if accept(&entry) {
                return entry;
            }
        }
    }

    /// Calls `observer` with the entries that are kept, and with every new one. It is called while the log is locked.
    #[cfg(feature = "cli")]
    pub(crate) fn observe(&self, mut observer: impl FnMut(&Arc<LogEntry>) + Send + 'static) {
        let mut sink = self.sink();
        sink.entries.iter().for_each(&mut observer);
        sink.observer = Some(Box::new(observer));
    }

    /// The number of the oldest entry that is kept, or of the next one.
    pub(crate) fn oldest(&self) -> u64 {
        let sink = self.sink();
        sink.entries.front().map_or(sink.last + 1, |entry| entry.n)
    }

    pub(crate) fn clear(&self) {
        let mut sink = self.sink();
        sink.entries.clear();
        sink.size = 0;
    }

    /// Ends the file. Waits until it is written, unless its reader stalls.
    pub(crate) async fn finish(&self) {
        let file = {
            let mut sink = self.sink();
            // Even if no entry follows.
            sink.report_dropped(0);
            sink.file.take()
        };
        if let Some(file) = file {
            file.finish().await;
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn write(&mut self, entry: LogEntry) {
        self.report_dropped(entry.size());
        self.append(entry);
    }

    /// Reports how many entries are missing in the file, once it has room for this many bytes.
    fn report_dropped(&mut self, size: usize) {
        let dropped = self.file.as_ref().and_then(|file| file.dropped(size));
        if let Some(count) = dropped {
            let reason = format!("{count} entries are missing in the file, whose reader stalled");
            self.append(LogEntry::note(Origin::default(), LogKind::Dropped, reason));
        }
    }

    fn append(&mut self, mut entry: LogEntry) {
        self.last += 1;
        entry.n = self.last;
        self.newest.send_replace(self.last);
        let entry = Arc::new(entry);
        if let Some(file) = &mut self.file {
            match entry.kind {
                LogKind::Dropped => file.report(entry.size(), Arc::clone(&entry)),
                _ => file.push(entry.size(), Arc::clone(&entry)),
            }
        }
        if let Some(observer) = &mut self.observer {
            observer(&entry);
        }
        self.waiters.retain(|waiter| waiter.send(Arc::clone(&entry)).is_ok());
        self.size += entry.size();
        self.entries.push_back(entry);
        while self.size > CAPACITY
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= oldest.size();
        }
    }

    /// The index of the first entry after number `n`.
    fn index_after(&self, n: u64) -> usize {
        self.entries.partition_point(|entry| entry.n <= n)
    }
}

/// The first entries of about so many bytes, but at least one.
fn fitting<'a>(entries: impl Iterator<Item = &'a Arc<LogEntry>>, bytes: usize) -> Vec<Arc<LogEntry>> {
    let mut size = 0;
    let fitting = entries.take_while(|entry| {
        let is_first = size == 0;
        size += entry.size();
        is_first || size <= bytes
    });
    fitting.cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll, time::Duration};

    use futures_util::poll;
    use tokio::time::sleep;

    use super::*;

    fn note(reason: &str) -> LogEntry {
        LogEntry::note(Origin::default(), LogKind::Ignored, reason)
    }

    fn is(reason: &str) -> impl FnMut(&LogEntry) -> bool {
        move |entry| entry.reason.as_deref() == Some(reason)
    }

    #[test]
    fn the_newest_entries_are_kept_within_bounds() {
        let log = Log::default();
        for _ in 1..=100 {
            log.write(note(&"x".repeat(1024 * 1024)));
        }
        let kept: Vec<u64> = log.entries().iter().map(|entry| entry.n).collect();
        assert_eq!(kept.len(), 7, "{kept:?}");
        assert!(kept.ends_with(&[98, 99, 100]), "{kept:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn entries_are_missing_in_the_file_only_while_its_reader_stalls_and_are_counted_there() {
        use std::io::{BufRead, BufReader};

        let (reader, writer) = io::pipe().expect("a pipe");
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let log = Log::default();
        log.sink().file = Some(file::writer(file, 64 * 1024, Arc::downgrade(&log.0)).expect("a thread"));
        // Far more than fits into the pipe and the queue.
        for _ in 0..1000 {
            log.write(note(&"x".repeat(1024)));
        }
        let in_memory = log.entries();
        let notes = in_memory.iter().filter(|entry| entry.kind == LogKind::Ignored);
        assert_eq!(notes.count(), 1000, "none is missing in memory");
        let reading = std::thread::spawn(move || {
            let lines = BufReader::new(reader).lines();
            let entry = |line: io::Result<String>| serde_json::from_str(&line.expect("text")).expect("an entry");
            lines.map(entry).collect::<Vec<LogEntry>>()
        });
        let is_written = || log.sink().file.as_ref().is_some_and(Queue::is_empty);
        while !is_written() {
            std::thread::yield_now();
        }
        log.write(note("after"));
        while !is_written() {
            std::thread::yield_now();
        }
        log.finish().await;
        let read = reading.join().expect("no panic");
        let (mut written, mut missing) = (0, 0);
        for entry in &read {
            match entry.kind {
                LogKind::Dropped => {
                    let reason = entry.reason.as_deref().expect("a number");
                    let (count, rest) = reason.split_once(' ').expect("words");
                    assert_eq!(rest, "entries are missing in the file, whose reader stalled");
                    missing += count.parse::<usize>().expect("a number");
                }
                _ => written += 1,
            }
        }
        assert!(missing > 500, "{missing}");
        assert_eq!(written + missing, 1001);
        let last = read.last().expect("an entry");
        assert_eq!(last.reason.as_deref(), Some("after"));
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_log_does_not_wait_for_a_reader_that_stalls() {
        let (_reader, writer) = io::pipe().expect("a pipe");
        let log = Log::new(Some(File::from(std::os::fd::OwnedFd::from(writer)))).expect("a thread");
        // Far more than fits into the pipe.
        for _ in 0..1000 {
            log.write(note(&"x".repeat(1024)));
        }
        log.finish().await;
        assert_eq!(log.entries().len(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_accepts_the_oldest_matching_entry_of_the_log_first() {
        let log = Log::default();
        for reason in ["a", "b", "b"] {
            log.write(note(reason));
        }
        assert_eq!(log.wait_for(is("b")).await.n, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_an_entry_that_is_written_later() {
        let log = Log::default();
        log.write(note("a"));
        let writer = log.clone();
        tokio::spawn(async move {
            for reason in ["b", "c"] {
                sleep(Duration::from_secs(3600)).await;
                writer.write(note(reason));
            }
        });
        assert_eq!(log.wait_for(is("c")).await.n, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_that_is_cleared_before_the_waiting_task_runs_again_is_not_missed() {
        let log = Log::default();
        let mut waiting = pin!(log.wait_for(is("b")));
        assert_eq!(poll!(waiting.as_mut()), Poll::Pending);
        log.write(note("a"));
        log.write(note("b"));
        log.clear();
        assert_eq!(waiting.await.n, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_wait_leaves_the_log_as_it_is_and_its_waiter_is_removed() {
        let log = Log::default();
        {
            let mut cancelled = pin!(log.wait_for(is("a")));
            assert_eq!(poll!(cancelled.as_mut()), Poll::Pending);
            assert_eq!(log.sink().waiters.len(), 1);
        }
        log.write(note("a"));
        assert_eq!(log.sink().waiters.len(), 0);
        assert_eq!(log.wait_for(is("a")).await.n, 1);
    }
}
