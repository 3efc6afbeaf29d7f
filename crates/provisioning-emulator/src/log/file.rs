//! The file of the log, one JSON object per line.

use std::{fs::File, io, io::Write, sync::Arc, time::Duration};

use super::{
    entry::LogEntry,
    queue::{Next, Queue},
};

/// How many bytes of entries can wait to be written.
pub(super) const CAPACITY: usize = 8 * 1024 * 1024;

/// Writes entries to a file.
pub(super) fn writer(mut file: File, capacity: usize) -> io::Result<Queue<Arc<LogEntry>>> {
    Queue::new(capacity, Duration::MAX, move |next: Next<Arc<LogEntry>>| {
        let Next::Item(entry) = next else { return };
        // JSON with text as keys can always be written.
        let line = serde_json::to_string(&*entry).unwrap_or_default() + "\n";
        // A full disk must not end the service that is being tested.
        let _ = file.write_all(line.as_bytes());
    })
}
