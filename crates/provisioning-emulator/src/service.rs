//! The state that all connections of an emulator share.

mod addresses;
mod admission;
mod made_device;
mod sessions;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{addresses::Addresses, sessions::Sessions};
pub(crate) use self::{
    made_device::{Credential, NewAttestation, NewDevice},
    sessions::SessionEnd,
};
use crate::{
    enrollment::{EnrollmentRef, Enrollments},
    faults::{ChaosSettings, Effect, Fault, Faults, Step, Subject, Triggered},
    http::PageAccess,
    identifiers::{is_registration_id, uuid},
    identity::{Authority, Key},
    log::{Log, LogEntry, LogKind, Origin},
    net::Rooms,
    persistence::Journal,
    refusal::Refusal,
    registration::{Answer, Client, QuotaSettings, Quotas, Registry},
    webhook::{WebhookCall, WebhookClient},
};

/// The service behind the connections.
pub(crate) struct Service {
    pub(crate) id_scope: String,
    /// Identifies this run of the emulator.
    pub(crate) run: String,
    pub(crate) max_packet_size: usize,
    /// Whether a device that is registering on another open connection is refused.
    refuse_simultaneous: bool,
    /// Whether the text of queries is evaluated.
    pub(crate) evaluate_queries: bool,
    pub(crate) rooms: Rooms,
    pub(crate) authority: Arc<Authority>,
    pub(crate) registry: Registry,
    quotas: Quotas,
    webhooks: WebhookClient,
    pub(crate) enrollments: Enrollments,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    /// `None` if nothing is persisted.
    journal: Option<Journal>,
    /// The key that signs calls of the control endpoint.
    pub(crate) control_key: Key,
    pub(crate) page_access: PageAccess,
    /// Ends every task when cancelled.
    pub(crate) stop: CancellationToken,
    /// Drops every connection when cancelled, however it ends.
    pub(crate) abandon: CancellationToken,
    pub(crate) tasks: TaskTracker,
    connections: AtomicU64,
    pub(crate) addresses: Addresses,
    sessions: Sessions,
}

/// What a service is made of.
pub(crate) struct Parts {
    pub(crate) id_scope: String,
    pub(crate) max_packet_size: usize,
    pub(crate) max_connections: usize,
    pub(crate) refuse_simultaneous: bool,
    pub(crate) evaluate_queries: bool,
    /// The host for devices on this machine.
    pub(crate) host: String,
    pub(crate) authority: Arc<Authority>,
    pub(crate) registry: Registry,
    pub(crate) quotas: QuotaSettings,
    pub(crate) webhooks: WebhookClient,
    pub(crate) enrollments: Enrollments,
    pub(crate) log: Log,
    pub(crate) faults: Vec<Fault>,
    pub(crate) chaos: Option<ChaosSettings>,
    pub(crate) journal: Option<Journal>,
    pub(crate) control_key: Key,
    pub(crate) page_access: PageAccess,
}

impl Service {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            id_scope: parts.id_scope,
            run: uuid(),
            max_packet_size: parts.max_packet_size,
            refuse_simultaneous: parts.refuse_simultaneous,
            evaluate_queries: parts.evaluate_queries,
            rooms: Rooms::new(parts.max_connections),
            authority: parts.authority,
            registry: parts.registry,
            quotas: Quotas::new(parts.quotas),
            webhooks: parts.webhooks,
            enrollments: parts.enrollments,
            log: parts.log,
            faults: Faults::new(parts.faults, parts.chaos),
            journal: parts.journal,
            control_key: parts.control_key,
            page_access: parts.page_access,
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            tasks: TaskTracker::new(),
            connections: AtomicU64::new(0),
            addresses: Addresses::new(parts.host),
            sessions: Sessions::default(),
        }
    }

    /// The number of a new connection.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records a connection of a device, and ends its other connections. If simultaneous registrations are refused,
    /// those on which it is registering stay.
    pub(crate) fn begin_session(&self, registration_id: &str, connection: u64) -> SessionEnd {
        let kept = match self.refuse_simultaneous {
            true => self.registry.registering_connections(registration_id),
            false => vec![],
        };
        self.sessions.begin(registration_id, connection, &kept)
    }

    /// Records the end of a connection of a device.
    pub(crate) fn end_session(&self, registration_id: &str, connection: u64) {
        self.sessions.end(registration_id, connection);
    }

    /// Makes everything as it was at the start: enrollments, registrations, quotas, faults and the log. The MQTT
    /// connections of devices are closed first, so that none of their packets is in the log of what follows. Resets that
    /// are requested at the same time happen one after the other.
    pub(crate) async fn reset(&self) {
        let _all_closed = self.sessions.close_all("the emulator was reset").await;
        self.registry.clear();
        self.enrollments.reset();
        self.quotas.clear();
        self.faults.reset();
        self.log.clear();
        self.note_chaos();
    }

    /// Turns chaos on or off.
    pub(crate) fn set_chaos(&self, settings: Option<ChaosSettings>) {
        self.faults.set_chaos(settings);
        self.note_chaos();
    }

    /// Logs what is needed to repeat the faults of chaos.
    pub(crate) fn note_chaos(&self) {
        if let Some(settings) = self.faults.chaos() {
            let reason = format!("chaos begins: {}", settings.inline_table());
            self.note(Origin::default(), None, LogKind::Fault, reason);
        }
    }

    /// The effect of the first fault that matches, else of one by chance, if any. It is logged.
    pub(crate) fn trigger(&self, origin: Origin, step: Step, subject: Subject<'_>) -> Option<Effect> {
        let Triggered { effect, is_chaos } = self.faults.trigger(step, subject)?;
        let mut reason = format!("{} at {}", effect.name(), step.name());
        if is_chaos && let Ok(fault) = Fault::new(effect.clone(), step) {
            // In full, so that it can be given in a configuration.
            let device = subject.device().filter(|id| is_registration_id(id));
            let fault = device.into_iter().fold(fault, |fault, id| fault.device(id));
            reason = format!("{reason}, by chaos: {}", fault.inline_table());
        }
        self.note(origin, subject.device(), LogKind::Fault, reason);
        Some(effect)
    }

    /// Answers a registration request of a device.
    pub(crate) fn register(
        self: &Arc<Self>,
        origin: Origin,
        client: Client<'_>,
        enrollment: &EnrollmentRef,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        self.check_request(origin, client)?;
        self.quotas.registration()?;
        self.check_simultaneous(client)?;
        let allocation = self.enrollments.allocation(enrollment);
        let fault = |step| self.trigger(origin, step, Subject::Device(client.registration_id));
        let (answer, call) = self.registry.register(client, body, allocation, fault)?;
        if let Some(call) = call {
            self.call_webhook(origin, call);
        }
        self.note_outcome(origin, client, &answer);
        Ok(answer)
    }

    /// Waits until the changes so far are on the disk, if they are persisted: no caller is told of a change before. A
    /// result that cannot be persisted is refused.
    pub(crate) async fn persisted<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        if let (Some(journal), Ok(_)) = (&self.journal, &result) {
            journal.written().await?;
        }
        result
    }

    /// Ends persistence, when everything is written.
    pub(crate) async fn finish_journal(&self) {
        if let Some(journal) = &self.journal {
            journal.finish().await;
        }
    }

    /// Calls a webhook in a task. Its answer completes the registration.
    fn call_webhook(self: &Arc<Self>, origin: Origin, call: WebhookCall) {
        let service = Arc::clone(self);
        self.tasks.spawn(async move {
            let answered = service.stop.run_until_cancelled(service.webhooks.call(&call)).await;
            let Some(result) = answered else { return };
            // Recorded before it is logged: a query after the entry gets the outcome.
            let (Ok(outcome) | Err(outcome)) = service.registry.webhook_answered(&call, result);
            let reason = format!("POST {}: {outcome}", call.url_without_query());
            service.note(origin, Some(&call.registration_id), LogKind::Webhook, reason);
        });
    }

    /// Answers a query of a device about one of its operations.
    pub(crate) fn query(&self, origin: Origin, client: Client<'_>, operation_id: &str) -> Result<Answer, Refusal> {
        self.check_request(origin, client)?;
        self.quotas.query(client.registration_id)?;
        let fault = |step| self.trigger(origin, step, Subject::Device(client.registration_id));
        let answer = self.registry.query(client.registration_id, operation_id, fault)?;
        self.note_outcome(origin, client, &answer);
        Ok(answer)
    }

    /// Logs the outcome of a registration with the first answer that has it.
    fn note_outcome(&self, origin: Origin, client: Client<'_>, answer: &Answer) {
        if let Some(outcome) = &answer.outcome {
            self.note(origin, Some(client.registration_id), LogKind::Registration, outcome);
        }
    }

    /// Answers a request of a device for the state of its registration.
    pub(crate) fn look_up(&self, origin: Origin, client: Client<'_>) -> Result<Answer, Refusal> {
        self.check_request(origin, client)?;
        self.registry.look_up(client.registration_id)
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

    /// Refuses a device that is registering on another open connection.
    fn check_simultaneous(&self, client: Client<'_>) -> Result<(), Refusal> {
        if !self.refuse_simultaneous {
            return Ok(());
        }
        let registering = self.registry.registering_connections(client.registration_id);
        let others = registering
            .into_iter()
            .filter(|connection| client.connection != Some(*connection));
        match self.sessions.has_any(client.registration_id, others) {
            true => Err(Refusal::new(409, 409_203, "Precondition failed.")),
            false => Ok(()),
        }
    }

    /// At most `limit` of the devices that are connected, by registration id in lower case, each with the number of its
    /// latest connection.
    pub(crate) fn sessions(&self, limit: usize) -> Vec<(String, u64)> {
        self.sessions.latest(limit)
    }

    /// How many devices are connected.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.count()
    }

    /// Logs a decision.
    pub(crate) fn note(&self, origin: Origin, registration_id: Option<&str>, kind: LogKind, reason: impl Into<String>) {
        self.log
            .write(LogEntry::note(origin, kind, reason).of_device(registration_id));
    }
}
