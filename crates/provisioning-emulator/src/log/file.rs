//! The file of the log, one JSON object per line.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    mem,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use super::{
    Log, Sink,
    entry::{LogEntry, Origin},
    kind::LogKind,
    queue::{Next, Queue},
};

/// How many bytes of entries can wait to be written.
pub(super) const CAPACITY: usize = 8 * 1024 * 1024;

/// Writes entries to a file. `log` gets an entry when the file cannot be written, and when it can be again.
pub(super) fn writer(file: File, capacity: usize, log: Weak<Mutex<Sink>>) -> io::Result<Queue<Arc<LogEntry>>> {
    let mut lines = Lines {
        file,
        ends_within_a_line: false,
    };
    let mut missing: u64 = 0;
    Queue::new(capacity, Duration::MAX, move |next: Next<Arc<LogEntry>>| {
        let Next::Item(entry) = next else { return };
        // JSON with text as keys can always be written.
        let line = serde_json::to_string(&*entry).unwrap_or_default() + "\n";
        // A full disk must not end the service that is being tested.
        let written = lines.write(line.as_bytes());
        let Some(log) = log.upgrade().map(Log) else { return };
        let note = |reason| LogEntry::note(Origin::default(), LogKind::File, reason);
        match written {
            Ok(()) if missing == 0 => {}
            Ok(()) => {
                let missing = mem::take(&mut missing);
                let reason = format!("the log's file is written again; {missing} entries are missing in it");
                log.write(note(reason));
            }
            Err(error) if missing == 0 => {
                // This entry and the note.
                missing = 2;
                let reason =
                    format!("the log's file cannot be written: {error}; entries are missing in it until it can be");
                log.write_without_file(note(reason));
            }
            Err(_) => missing += 1,
        }
    })
}

/// A file to which whole lines are written.
struct Lines {
    file: File,
    /// A failed write has left a part of a line, which could not be removed.
    ends_within_a_line: bool,
}

impl Lines {
    /// Writes a line, or nothing of it. In a pipe, the part of a line that was written stays, as a line of its own.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.ends_within_a_line {
            self.file.write_all(b"\n")?;
            self.ends_within_a_line = false;
        }
        let mut left = line;
        while !left.is_empty() {
            match self.file.write(left) {
                Ok(0) => return Err(self.without_part(line.len() - left.len(), ErrorKind::WriteZero.into())),
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.without_part(line.len() - left.len(), error)),
            }
        }
        Ok(())
    }

    /// Removes this number of bytes from the end. Returns the error of the write.
    fn without_part(&mut self, count: usize, error: io::Error) -> io::Error {
        if count > 0 {
            let removed = self.file.metadata().and_then(|found| match found.is_file() {
                true => self.file.set_len(found.len().saturating_sub(count as u64)),
                false => Err(ErrorKind::Unsupported.into()),
            });
            self.ends_within_a_line = removed.is_err();
        }
        error
    }
}
