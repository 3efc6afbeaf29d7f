//! The emulator's packet log, as the part of it that a cell caused.

use std::{collections::BTreeSet, fs, path::PathBuf, thread, time::Duration};

use serde_json::Value;

/// The log of one emulator, read on from where the last cell ended.
pub(super) struct PacketLog {
    file: PathBuf,
    read: usize,
}

/// What the emulator wrote.
pub(super) struct Packets(pub(super) Vec<Value>);

impl PacketLog {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, read: 0 }
    }

    /// What is new, once every connection in it has ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no runtime here, and nothing else tells when a connection has ended"
    )]
    pub(super) fn next(&mut self) -> Result<Packets, String> {
        for _ in 0..200 {
            let packets = self.peek()?;
            if packets.have_ended() {
                self.read += packets.0.len();
                return Ok(packets);
            }
            thread::sleep(Duration::from_millis(25));
        }
        Err("a connection did not end".to_owned())
    }

    /// What is new by now.
    pub(super) fn so_far(&mut self) -> Result<Packets, String> {
        let packets = self.peek()?;
        self.read += packets.0.len();
        Ok(packets)
    }

    fn peek(&self) -> Result<Packets, String> {
        let text = fs::read_to_string(&self.file).map_err(|error| format!("the packet log: {error}"))?;
        let entries = text.lines().skip(self.read).map(serde_json::from_str);
        // A line that is being written is none yet.
        Ok(Packets(entries.map_while(Result::ok).collect()))
    }
}

impl Packets {
    fn have_ended(&self) -> bool {
        let connections = |kind| -> BTreeSet<_> { self.of(kind).filter_map(|it| it["connection"].as_u64()).collect() };
        let (opened, closed) = (connections("open"), connections("close"));
        !opened.is_empty() && opened.is_subset(&closed)
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |entry| entry["kind"] == kind)
    }

    /// How many entries of this kind hold these words: in the topic, the reason or the payload.
    pub(super) fn count(&self, kind: &str, words: &str) -> usize {
        let holds = |entry: &Value| {
            let texts = ["topic", "reason", "payload"].map(|field| &entry[field]);
            texts
                .iter()
                .any(|text| text.as_str().is_some_and(|text| text.contains(words)))
        };
        self.of(kind).filter(|entry| holds(entry)).count()
    }

    pub(super) fn has(&self, kind: &str, words: &str) -> Result<(), String> {
        if self.count(kind, words) > 0 {
            return Ok(());
        }
        let lines: Vec<_> = self.0.iter().map(Value::to_string).collect();
        Err(format!("the log has no {kind} with {words:?}:\n{}", lines.join("\n")))
    }
}
