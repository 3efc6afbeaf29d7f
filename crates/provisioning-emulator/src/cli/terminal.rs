//! What the command prints on stderr. A thread writes it: a reader that stalls stops nothing else.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::report::{Report, is_printed, is_warning};
use crate::{
    emulator::Emulator,
    log::{LogEntry, Next, Queue},
};

/// How many bytes can wait to be written.
const CAPACITY: usize = 1024 * 1024;

/// How often repeated refusals are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Volume {
    Everything,
    /// Warnings only.
    Warnings,
    /// Nothing: stderr has the log.
    Nothing,
}

/// The lines that wait to be written to stderr.
#[derive(Clone)]
pub(super) struct Terminal {
    queue: Arc<Mutex<Option<Queue<Line>>>>,
    volume: Volume,
}

enum Line {
    Text(String),
    Entry(Arc<LogEntry>),
    /// How many lines were dropped here.
    Dropped(u64),
}

impl Terminal {
    /// Starts the thread.
    pub(super) fn start(volume: Volume, output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Queue::new(CAPACITY, INTERVAL, writer(output))?;
        Ok(Self {
            queue: Arc::new(Mutex::new(Some(queue))),
            volume,
        })
    }

    /// Says something, unless only warnings are wanted.
    pub(super) fn say(&self, text: String) {
        if self.volume == Volume::Everything {
            self.push(text.len(), Line::Text(text));
        }
    }

    /// Prints the outcomes of registrations, the refusals and the warnings of an emulator from now on.
    pub(super) fn follow(&self, emulator: &Emulator) {
        let is_wanted = match self.volume {
            Volume::Everything => is_printed,
            Volume::Warnings => is_warning,
            Volume::Nothing => return,
        };
        let terminal = self.clone();
        emulator.observe(move |entry| {
            if is_wanted(entry) {
                terminal.push(entry.size(), Line::Entry(Arc::clone(entry)));
            }
        });
    }

    /// Waits until everything is written, unless the reader stalls.
    pub(super) async fn finish(self) {
        let queue = self.queue().take();
        if let Some(mut queue) = queue {
            // Even if no line follows.
            report_dropped(&mut queue, 0);
            queue.finish().await;
        }
    }

    fn push(&self, size: usize, line: Line) {
        let mut queue = self.queue();
        let Some(queue) = &mut *queue else { return };
        report_dropped(queue, size);
        queue.push(size, line);
    }

    fn queue(&self) -> MutexGuard<'_, Option<Queue<Line>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports how many lines were dropped, once there is room for this many bytes.
fn report_dropped(queue: &mut Queue<Line>, size: usize) {
    if let Some(count) = queue.dropped(size) {
        queue.report(0, Line::Dropped(count));
    }
}

/// Writes lines, and from time to time the number of repeated refusals.
fn writer(mut output: impl Write) -> impl FnMut(Next<Line>) {
    let mut report = Report::default();
    move |next| {
        let now = Instant::now();
        let is_end = matches!(next, Next::End);
        let line = match next {
            Next::Item(Line::Text(text)) => Some(text),
            Next::Item(Line::Entry(entry)) => report.entry(&entry, now),
            Next::Item(Line::Dropped(count)) => Some(format!(
                "warning: {count} lines are missing here, because stderr was not read"
            )),
            Next::Idle | Next::End => None,
        };
        let repeats = match is_end {
            true => report.last_repeats(now),
            false => report.repeats(now),
        };
        for line in line.into_iter().chain(repeats) {
            // If stderr is closed, the log still has it.
            let _ = writeln!(output, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that stalls until it is told to read.
    struct Stalled {
        until: Option<Receiver<()>>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(until) = self.until.take() {
                let _ = until.recv();
            }
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_number_of_lines_that_a_stalled_reader_missed_is_said_even_if_no_line_follows() {
        let (go, until) = channel();
        let (read, lines) = channel();
        let until = Some(until);
        let terminal = Terminal::start(Volume::Everything, Stalled { until, read }).expect("a thread");
        let line = "x".repeat(CAPACITY / 8);
        for _ in 0..20 {
            terminal.say(line.clone());
        }
        go.send(()).expect("the writer waits");
        terminal.finish().await;
        let text: Vec<u8> = lines.iter().flatten().collect();
        let text = String::from_utf8(text).expect("text");
        let said = text.lines().filter(|text| *text == line).count();
        let missing = format!("warning: {} lines are missing here", 20 - said);
        assert!((7..20).contains(&said), "{said}");
        assert!(
            text.lines().last().is_some_and(|last| last.starts_with(&missing)),
            "{said} were said"
        );
    }
}
