//! The journal: takes changes in their order, and says when they are on the disk. A thread writes them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use tokio::sync::watch;

use super::{change::Change, store::Store};
use crate::{
    error::EmulatorError,
    log::{Log, LogEntry, LogKind, Origin},
    refusal::Refusal,
};

/// Takes changes. It is cloned for each place where changes are made.
#[derive(Clone)]
pub(crate) struct Journal {
    messages: Sender<Message>,
    /// How many changes were taken.
    taken: Arc<AtomicU64>,
    progress: watch::Receiver<Progress>,
}

enum Message {
    Change(Change),
    End,
}

/// How many changes are on the disk, or could not be written.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    written: u64,
    failed: u64,
}

impl Journal {
    /// Starts the thread. It logs when the file cannot be written.
    pub(crate) fn start(store: Store, log: Log) -> Result<Self, EmulatorError> {
        let (messages, received) = mpsc::channel();
        let (reported, progress) = watch::channel(Progress::default());
        let thread = thread::Builder::new().name("dps-emulator-state".to_owned());
        let started = thread.spawn(move || run(store, &received, &reported, &log));
        started.map_err(|source| EmulatorError::Persist { source })?;
        Ok(Self {
            messages,
            taken: Arc::default(),
            progress,
        })
    }

    /// Takes a change. Changes of the same thing must be recorded in their order: while it is locked.
    pub(crate) fn record(&self, change: Change) {
        // Counted before it can be written: `written` never waits for too few.
        self.taken.fetch_add(1, Ordering::AcqRel);
        // The thread is gone after the end.
        let _ = self.messages.send(Message::Change(change));
    }

    /// Waits until all changes so far are on the disk.
    ///
    /// # Errors
    /// They cannot be written. They are in effect. The next change and the end try again to write them.
    pub(crate) async fn written(&self) -> Result<(), Refusal> {
        let count = self.taken.load(Ordering::Acquire);
        let mut progress = self.progress.clone();
        let done = progress.wait_for(|it| it.written >= count || it.failed >= count);
        match done.await.map(|it| it.written >= count) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::new(
                500,
                500_001,
                "The change is in effect, but could not be persisted: the file of --persist cannot be written. Is the disk full?",
            )),
        }
    }

    /// Ends the thread, when everything is written or cannot be written.
    pub(crate) async fn finish(&self) {
        // It may have ended already.
        let _ = self.messages.send(Message::End);
        let mut progress = self.progress.clone();
        while progress.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").finish_non_exhaustive()
    }
}

/// Writes changes until the end: all that wait with one write. After a failed write, the next one and the end write all
/// changes that are missing in the file.
fn run(mut store: Store, messages: &Receiver<Message>, progress: &watch::Sender<Progress>, log: &Log) {
    let mut taken = 0;
    let mut has_failed = false;
    let mut is_last = false;
    while !is_last && let Ok(first) = messages.recv() {
        let mut changes = vec![];
        for message in [first].into_iter().chain(messages.try_iter()) {
            match message {
                Message::Change(change) => changes.push(change),
                Message::End => {
                    is_last = true;
                    break;
                }
            }
        }
        let is_retry = is_last && has_failed;
        if changes.is_empty() && !is_retry {
            continue;
        }
        taken += changes.len() as u64;
        let result = store.write(changes);
        let file = store.path().display();
        let note = match &result {
            Err(error) if is_last => Some(format!(
                "{file} cannot be written: {error}; the latest changes are lost"
            )),
            Err(error) if !has_failed => Some(format!(
                "{file} cannot be written: {error}; changes are in effect, and are refused with 500 until it can be written"
            )),
            Ok(()) if has_failed => Some(format!("{file} is written again, with all changes")),
            _ => None,
        };
        if let Some(note) = note {
            log.write(LogEntry::note(Origin::default(), LogKind::File, note));
        }
        has_failed = result.is_err();
        progress.send_modify(|progress| match result {
            Ok(()) => progress.written = taken,
            Err(_) => progress.failed = taken,
        });
    }
}
