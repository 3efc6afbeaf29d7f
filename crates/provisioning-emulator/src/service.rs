//! The state that all connections of an emulator share.

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
    enrollment::{EnrollmentRef, Enrollments},
    faults::{Effect, Faults, Step, Subject},
    identifiers::uuid,
    identity::Key,
    log::{Log, LogEntry, LogKind, Origin},
    refusal::Refusal,
    registration::{Answer, Client, Registry},
};

/// The service behind the connections.
pub(crate) struct Service {
    pub(crate) id_scope: String,
    /// Identifies this run of the emulator.
    pub(crate) run: String,
    pub(crate) max_packet_size: usize,
    max_connections: usize,
    /// One permit per connection.
    room: Semaphore,
    pub(crate) registry: Registry,
    pub(crate) enrollments: Enrollments,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    /// The key that signs calls of the control endpoint.
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
            run: uuid(),
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

    /// A permit for one more connection; if there is none, it is logged.
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

    /// Records a connection of a device, and ends the previous one. The token is cancelled by the next one.
    pub(crate) fn begin_session(&self, registration_id: &str, connection: u64) -> CancellationToken {
        let replaced = CancellationToken::new();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let former = sessions.insert(registration_id.to_ascii_lowercase(), (connection, replaced.clone()));
        if let Some((_, former)) = former {
            former.cancel();
        }
        replaced
    }

    /// Records the end of a connection of a device, unless a newer one has replaced it.
    pub(crate) fn end_session(&self, registration_id: &str, connection: u64) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = registration_id.to_ascii_lowercase();
        if sessions.get(&key).is_some_and(|(current, _)| *current == connection) {
            sessions.remove(&key);
        }
    }

    /// The effect of the first fault that matches, if any. It is logged.
    pub(crate) fn trigger(&self, origin: Origin, step: Step, subject: Subject<'_>) -> Option<Effect> {
        let effect = self.faults.trigger(step, subject)?;
        let reason = format!("{} at {}", effect.name(), step.name());
        self.note(origin, subject.device(), LogKind::Fault, reason);
        Some(effect)
    }

    /// Answers a registration request of a device.
    pub(crate) fn register(
        &self,
        origin: Origin,
        client: Client<'_>,
        enrollment: &EnrollmentRef,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        self.check_request(origin, client)?;
        let allocation = self.enrollments.allocation(enrollment);
        let fault = |step| self.trigger(origin, step, Subject::Device(client.registration_id));
        self.registry.register(client, body, allocation, fault)
    }

    /// Answers a query of a device about one of its operations.
    pub(crate) fn query(&self, origin: Origin, client: Client<'_>, operation_id: &str) -> Result<Answer, Refusal> {
        self.check_request(origin, client)?;
        let fault = |step| self.trigger(origin, step, Subject::Device(client.registration_id));
        self.registry.query(client.registration_id, operation_id, fault)
    }

    /// Applies the faults at [`Step::Request`].
    fn check_request(&self, origin: Origin, client: Client<'_>) -> Result<(), Refusal> {
        match self.trigger(origin, Step::Request, Subject::Device(client.registration_id)) {
            Some(Effect::Error {
                status,
                error_code,
                message,
                retry_after,
            }) => Err(Refusal {
                status,
                error_code,
                message,
                retry_after,
            }),
            _ => Ok(()),
        }
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
