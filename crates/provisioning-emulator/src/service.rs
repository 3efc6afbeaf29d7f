//! What all connections of one emulator share.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    enrollment::Enrollments,
    fault::{Effect, Faults, Step, Who},
    keys::Key,
    log::{Log, LogEntry, LogKind, Origin},
    registry::Registry,
    stamps,
};

/// The service behind the connections.
pub(crate) struct Service {
    pub(crate) id_scope: String,
    /// Tells this emulator from one that took its place.
    pub(crate) run: String,
    pub(crate) max_packet_size: usize,
    max_connections: usize,
    /// For connections.
    room: Semaphore,
    pub(crate) registry: Registry,
    pub(crate) enrollments: Enrollments,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    /// What calls of the control endpoint are signed with.
    pub(crate) control_key: Key,
    /// Ends every task when cancelled.
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    connections: AtomicU64,
    /// The connection of each device, by registration id in lower case.
    sessions: Mutex<HashMap<String, (u64, CancellationToken)>>,
}

impl Service {
    pub(crate) fn new(
        id_scope: String,
        max_packet_size: usize,
        max_connections: usize,
        registry: Registry,
        enrollments: Enrollments,
        log: Log,
        control_key: Key,
    ) -> Self {
        Self {
            id_scope,
            run: stamps::uuid(),
            max_packet_size,
            max_connections,
            room: Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)),
            registry,
            enrollments,
            log,
            faults: Faults::default(),
            control_key,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            connections: AtomicU64::new(0),
            sessions: Mutex::default(),
        }
    }

    /// Room for one more connection, while it is held; otherwise a line in the log.
    pub(crate) fn room(&self, origin: Origin) -> Option<SemaphorePermit<'_>> {
        let room = self.room.try_acquire().ok();
        if room.is_none() {
            let refusal = format!("there are {} connections already", self.max_connections);
            self.note(origin, None, LogKind::Refused, refusal);
        }
        room
    }

    /// The number of a new connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A device's connection begins, and ends the one that it had. Cancelled when the next one begins.
    pub(crate) fn begin_session(&self, registration_id: &str, connection: u64) -> CancellationToken {
        let replaced = CancellationToken::new();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let former = sessions.insert(registration_id.to_ascii_lowercase(), (connection, replaced.clone()));
        if let Some((_, former)) = former {
            former.cancel();
        }
        replaced
    }

    /// A device's connection ended; another may have begun meanwhile.
    pub(crate) fn end_session(&self, registration_id: &str, connection: u64) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration_id.to_ascii_lowercase();
        if sessions.get(&key).is_some_and(|(current, _)| *current == connection) {
            sessions.remove(&key);
        }
    }

    /// What goes wrong at this step, if anything. It is logged.
    pub(crate) fn strike(&self, origin: Origin, step: Step, who: Who<'_>) -> Option<Effect> {
        let effect = self.faults.strike(step, who)?;
        let reason = format!("{} at {}", effect.word(), step.word());
        self.note(origin, who.device(), LogKind::Fault, reason);
        Some(effect)
    }

    /// The devices that are connected, by registration id in lower case, each with its connection's number.
    pub(crate) fn sessions(&self) -> Vec<(String, u64)> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<_> = sessions.iter().map(|(id, (number, _))| (id.clone(), *number)).collect();
        sessions.sort();
        sessions
    }

    /// Logs a decision.
    pub(crate) fn note(&self, origin: Origin, registration_id: Option<&str>, kind: LogKind, reason: impl Into<String>) {
        self.log
            .write(LogEntry::note(origin, kind, reason).of_device(registration_id));
    }
}
