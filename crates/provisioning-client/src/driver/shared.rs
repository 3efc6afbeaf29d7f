//! The state that the clones of a client share, and what their calls do with it.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use provisioning_types::{Phase, PollingTransport, RegistrationId, RegistrationRequest, TransportError};
use tokio::{
    select,
    sync::{Notify, broadcast, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    closing::{self, Closing},
    first_poll::FirstPoll,
    lease::{Lease, result_of},
};
use crate::{
    error::{FailureReason, Outcome, RegisterError},
    event::{RegistrationEvent, StatusEvent},
    machine::{Action, Context, Input, Machine, Next, Status, too_slow},
    policy::Policy,
};

pub(super) struct Shared {
    pub(super) transport: Arc<dyn PollingTransport>,
    pub(super) policy: Policy,
    /// The origin of the machine's time.
    pub(super) origin: Instant,
    /// Made for the first listener: most clients have none.
    pub(super) events: OnceLock<broadcast::Sender<RegistrationEvent>>,
    pub(super) core: Mutex<Core>,
    /// Locked before `core`.
    pub(super) first_poll: Arc<FirstPoll>,
    /// Wakes the calls that wait while the machine is closing, in the order in which they began to wait.
    pub(super) gate: Notify,
    /// Whether every later registration is cancelled at once.
    pub(super) closed: AtomicBool,
}

#[derive(Default)]
pub(super) struct Core {
    pub(super) machine: Machine,
    /// Identifies the call that drives the machine. Inputs of a call that was taken over are discarded.
    pub(super) lease: u64,
    /// The lease with which the latest registration began.
    pub(super) registration: u64,
    /// Whether that registration refuses others until it has disconnected.
    reserved: bool,
    /// The device of that registration.
    registration_id: Option<RegistrationId>,
    /// How often `cancel` and `disconnect` were called. A registration that waits to begin meanwhile is cancelled.
    closes: u64,
    /// The transport's `cancel` or `disconnect` in progress.
    pub(super) closing: Option<Closing>,
    /// Takes the outcome of the registration in progress.
    pub(super) outcome: Option<oneshot::Sender<Outcome>>,
}

/// A call that asks to drive the machine.
pub(super) enum Call {
    /// The sender takes the outcome. A registration that disconnects by itself refuses others until it has.
    Register(RegistrationId, oneshot::Sender<Outcome>, bool),
    Cancel,
    Disconnect,
    /// The disconnect at the end of the registration with this lease.
    DisconnectAfter(u64),
}

impl Shared {
    /// Registers, and if asked to disconnects after every outcome.
    pub(super) async fn register(&self, registration: &RegistrationRequest, disconnect: bool) -> Outcome {
        let (sender, mut receiver) = oneshot::channel();
        let id = registration.registration_id().clone();
        let begun = self.begin(Call::Register(id, sender, disconnect)).await;
        let (mut lease, action) = begun.map_err(|next| match next {
            Next::Busy => RegisterError::invalid_operation(),
            _ => cancelled(),
        })?;
        let outcome = select! {
            biased;
            Ok(outcome) = &mut receiver => outcome,
            // The registration was completed in the same step, by this call or by the one that took over.
            _ = lease.drive(action, Some(registration)) => receiver.await.unwrap_or_else(|_| Err(cancelled())),
        };
        if lease.must_disconnect {
            if let Err(error) = self.close(Call::DisconnectAfter(lease.id)).await {
                tracing::warn!(%error, "disconnecting failed; the registration's outcome stands");
            }
            lease.must_disconnect = false;
            self.release(lease.id);
        }
        lease.ends = None;
        self.emit_ended(registration.registration_id(), &outcome);
        outcome
    }

    /// Cancels every registration from now on, and disconnects.
    pub(super) async fn close_for_good(&self) -> Result<(), TransportError> {
        self.closed.store(true, Ordering::Release);
        self.close_and_release(Call::Disconnect).await
    }

    /// Cancels or disconnects for a caller. Registrations that wait to begin are cancelled; others begin once the
    /// transport has closed, even if this call is not polled until then.
    pub(super) async fn close_and_release(&self, call: Call) -> Result<(), TransportError> {
        {
            let mut core = self.core();
            core.closes += 1;
            core.reserved = false;
        }
        self.gate.notify_waiters();
        self.close(call).await
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Completes once the client is closed for good, which the gate signals too.
    pub(super) async fn closed_for_good(&self) {
        loop {
            let mut signalled = pin!(self.gate.notified());
            // From here on no notification is missed.
            signalled.as_mut().enable();
            if self.is_closed() {
                return;
            }
            signalled.await;
        }
    }

    async fn close(&self, call: Call) -> Result<(), TransportError> {
        match self.begin(call).await {
            Ok((lease, action)) => match lease.drive(action, None).await {
                Some(result) => result,
                // A call that waited for this one has completed it, or has given it up.
                None => {
                    let result = lease.closing.as_ref().and_then(Closing::peek);
                    result.cloned().unwrap_or_else(|| Err(too_slow()))
                }
            },
            Err(Next::Return(result)) => result,
            Err(_) => Ok(()),
        }
    }

    /// Lets other registrations begin, unless `registration` is no longer the latest.
    pub(super) fn release(&self, registration: u64) {
        let mut core = self.core();
        core.reserved &= core.registration != registration;
    }

    /// Asks the machine for `call`, and again after the transport has closed while it is closing.
    ///
    /// No lock is held while a call waits. Each call that waits also polls the transport's `cancel` or `disconnect`,
    /// and ticks the machine: a future that is not polled delays no other call.
    ///
    /// # Errors
    /// What the call does instead: `Continue` if it has become pointless, as a close came before the registration
    /// began, or another registration uses the connection.
    async fn begin(&self, call: Call) -> Result<(Lease<'_>, Action), Next> {
        let closes = self.core().closes;
        loop {
            let mut closed = pin!(self.gate.notified());
            // From here on no notification is missed.
            closed.as_mut().enable();
            let (closing, give_up_at) = {
                let mut core = self.core();
                let input = match &call {
                    Call::Register(..) if self.is_closed() || core.closes != closes => return Err(Next::Continue),
                    Call::Register(..) if core.reserved => return Err(Next::Busy),
                    Call::Register(..) => Input::Register,
                    Call::Cancel => Input::Cancel,
                    Call::DisconnectAfter(id) if core.registration != *id => return Err(Next::Continue),
                    Call::Disconnect | Call::DisconnectAfter(_) => Input::Disconnect,
                };
                match self.step(&mut core, input) {
                    Next::Start(action) => {
                        core.closing = closing::begin(&self.transport, &self.first_poll, &action);
                        return Ok((self.lease(&mut core, call), action));
                    }
                    Next::Defer => (core.closing.clone(), core.machine.wake_at()),
                    next => return Err(next),
                }
            };
            let input = select! {
                biased;
                () = closed => continue,
                result = result_of(closing.clone()) => Input::Closed(result),
                () = self.reached(give_up_at) => Input::Tick,
            };
            let mut core = self.core();
            let is_same = match (&core.closing, &closing) {
                (Some(current), Some(closing)) => current.ptr_eq(closing),
                _ => false,
            };
            if is_same && let Next::Return(_) = self.step(&mut core, input) {
                // The call that closes was not polled in time: its lease ends.
                core.lease += 1;
            }
        }
    }

    fn lease(&self, core: &mut Core, call: Call) -> Lease<'_> {
        core.lease += 1;
        let mut lease = Lease {
            shared: self,
            id: core.lease,
            must_disconnect: false,
            closing: core.closing.clone(),
            ends: None,
        };
        if let Call::Register(registration_id, outcome, disconnect) = call {
            (core.registration, core.reserved) = (core.lease, disconnect);
            (core.registration_id, core.outcome) = (Some(registration_id.clone()), Some(outcome));
            (lease.must_disconnect, lease.ends) = (disconnect, Some(registration_id));
        }
        lease
    }

    /// Steps the machine, emits the event, and completes the registration.
    pub(super) fn step(&self, core: &mut Core, input: Input) -> Next {
        let context = Context {
            now: self.origin.elapsed(),
            jitter: fastrand::f64(),
            policy: &self.policy,
        };
        let step = core.machine.step(input, &context);
        if let (Some(event), Some(registration_id)) = (step.event, &core.registration_id) {
            self.emit(registration_id, event);
        }
        if let Some(outcome) = step.outcome
            && let Some(sender) = core.outcome.take()
        {
            // The caller may have dropped its call.
            let _ = sender.send(outcome);
        }
        if let Next::Return(_) = step.next {
            core.closing = None;
            self.gate.notify_waiters();
        }
        step.next
    }

    fn emit(&self, registration_id: &RegistrationId, event: StatusEvent) {
        tracing::debug!(%event, "registration");
        if let Some(events) = self.events.get() {
            // Without listeners the event is discarded.
            let _ = events.send(RegistrationEvent {
                registration_id: registration_id.clone(),
                event,
            });
        }
    }

    pub(super) fn emit_ended(&self, registration_id: &RegistrationId, outcome: &Outcome) {
        if self.events.get().is_none() && !tracing::enabled!(tracing::Level::DEBUG) {
            // Nobody reads the copy of the outcome.
            return;
        }
        let outcome = outcome.clone();
        self.emit(registration_id, StatusEvent::Ended { outcome });
    }

    /// Resolves at this time of the machine.
    pub(super) async fn reached(&self, at: Option<Duration>) {
        match at.and_then(|at| self.origin.checked_add(at)) {
            Some(at) => sleep_until(at).await,
            None => pending().await,
        }
    }

    pub(super) fn status(&self) -> Status {
        self.core().machine.status()
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        // A step does not panic, so the state is consistent even if the lock is poisoned.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn cancelled() -> RegisterError {
    RegisterError::new(FailureReason::OperationCancelled, Phase::Register, None)
}
