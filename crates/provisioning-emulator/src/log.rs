//! What the emulator saw and did, packet by packet, for tests to assert on and for people to read.

use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde::Serialize;

/// Which way a packet went, or that it was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the device.
    In,
    /// To the device.
    Out,
    /// A decision of the emulator, or the start or end of a connection.
    Note,
}

/// One packet, or one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// Counted from 1, over the emulator's whole life: clearing the log does not start anew.
    pub sequence: u64,
    /// When, in UTC, as RFC 3339 has it with milliseconds.
    pub time_utc: String,
    /// The connection, counted from 1.
    pub connection: u64,
    /// The device, once it said who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<String>,
    /// Which way it went.
    pub direction: Direction,
    /// The MQTT packet's name, such as `PUBLISH`; for a note, one word on what it is about.
    pub what: &'static str,
    /// The packet's topic and payload, or the note's words. Never a password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl LogEntry {
    /// What happens now. The log gives it its number.
    pub(crate) fn now(
        connection: u64,
        registration_id: Option<&str>,
        direction: Direction,
        what: &'static str,
        detail: String,
    ) -> Self {
        Self {
            sequence: 0,
            time_utc: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            connection,
            registration_id: registration_id.map(str::to_owned),
            direction,
            what,
            detail,
        }
    }
}

/// How many bytes of entries are kept; devices that never stop talking must not fill the memory.
const KEPT: usize = 32 * 1024 * 1024;

/// The log of an emulator, which all its connections write to.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Sink>>);

#[derive(Default)]
struct Sink {
    entries: Vec<LogEntry>,
    /// The number of the last entry that there was.
    last: u64,
    /// Of all entries, in bytes.
    size: usize,
    file: Option<File>,
}

impl Log {
    /// A log that also goes to `file`, one JSON object a line.
    pub(crate) fn new(file: Option<File>) -> Self {
        Self(Arc::new(Mutex::new(Sink {
            file,
            ..Sink::default()
        })))
    }

    pub(crate) fn write(&self, mut entry: LogEntry) {
        let mut sink = self.sink();
        sink.last += 1;
        entry.sequence = sink.last;
        if let Some(file) = &mut sink.file
            && let Ok(line) = serde_json::to_string(&entry)
        {
            // A full disk must not end the service that is being tested.
            let _ = writeln!(file, "{line}");
        }
        sink.size += size(&entry);
        sink.entries.push(entry);
        if sink.size > KEPT {
            sink.forget_half();
        }
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.sink().entries.clone()
    }

    /// The entries after the one of this number.
    pub(crate) fn since(&self, sequence: u64) -> Vec<LogEntry> {
        let sink = self.sink();
        let start = sink.entries.partition_point(|entry| entry.sequence <= sequence);
        sink.entries[start..].to_vec()
    }

    /// The number of the oldest entry that is kept, or of the next one.
    pub(crate) fn oldest(&self) -> u64 {
        let sink = self.sink();
        sink.entries.first().map_or(sink.last + 1, |entry| entry.sequence)
    }

    pub(crate) fn clear(&self) {
        let mut sink = self.sink();
        sink.entries.clear();
        sink.size = 0;
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// Forgets the older half of what is kept.
    fn forget_half(&mut self) {
        let mut kept = 0;
        let newer = self.entries.iter().rev().take_while(|entry| {
            kept += size(entry);
            kept <= KEPT / 2
        });
        let newer = newer.count();
        self.entries.drain(..self.entries.len() - newer);
        self.size = self.entries.iter().map(size).sum();
    }
}

fn size(entry: &LogEntry) -> usize {
    size_of::<LogEntry>() + entry.detail.len() + entry.registration_id.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_kept_within_bounds() {
        let log = Log::default();
        for connection in 1..=100 {
            let payload = "x".repeat(1024 * 1024);
            log.write(LogEntry::now(connection, None, Direction::In, "PUBLISH", payload));
        }
        let kept: Vec<u64> = log.entries().iter().map(|entry| entry.connection).collect();
        assert!((15..=32).contains(&kept.len()), "{kept:?}");
        assert!(kept.ends_with(&[98, 99, 100]), "{kept:?}");
    }
}
