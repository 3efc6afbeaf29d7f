//! The async driver: turns the machine's outputs into transport calls and timers.
//!
//! It has no task of its own: `register` drives the machine inside the caller's future, `cancel` and `disconnect` take
//! the machine over and drive it to rest inside theirs.

use std::{
    future::{Future, pending},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioning_types::{Assignment, Phase, PollingTransport, Progress, RegistrationRequest, TransportError};
use tokio::{
    select,
    sync::{broadcast, oneshot, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Action, Context, FailureReason, Input, Output, Policy, RegisterError, State, StatusEvent, StatusEvents, event::KEPT,
};

type Outcome = Result<Assignment, RegisterError>;
type Running = Pin<Box<dyn Future<Output = Input> + Send>>;

/// Registers a device over any [`PollingTransport`]. Cheap to clone; every clone is the same client.
///
/// One registration at a time. Whatever the outcome, the same client can register again. After a registration the
/// transport is left connected and idle; [`disconnect`](Self::disconnect) leaves the service.
#[derive(Clone)]
pub struct RegistrationClient(Arc<Shared>);

struct Shared {
    transport: Arc<dyn PollingTransport>,
    policy: Policy,
    events: broadcast::Sender<StatusEvent>,
    machine: Mutex<Machine>,
    /// Calls that wait until the machine has left have their turn in the order of this lock.
    line: tokio::sync::Mutex<()>,
    /// Whether the machine is leaving, for the first in line.
    leaving: watch::Sender<bool>,
    /// Told by each `cancel` and `disconnect`: a registration in line is not known to the machine yet.
    called_off: watch::Sender<()>,
}

#[derive(Default)]
struct Machine {
    state: State,
    /// Which call drives the machine. Inputs of a call that was taken over are ignored.
    turn: u64,
    /// Where the outcome of the registration in progress goes.
    outcome: Option<oneshot::Sender<Outcome>>,
}

impl RegistrationClient {
    /// A client over `transport`, with the waits and limits of `policy`.
    pub fn new(transport: Arc<dyn PollingTransport>, policy: Policy) -> Self {
        Self(Arc::new(Shared {
            transport,
            policy,
            events: broadcast::channel(KEPT).0,
            machine: Mutex::default(),
            line: tokio::sync::Mutex::default(),
            leaving: watch::channel(false).0,
            called_off: watch::channel(()).0,
        }))
    }

    /// What happens from now on, in registrations of every clone of this client.
    pub fn events(&self) -> StatusEvents {
        StatusEvents(self.0.events.subscribe())
    }

    /// Registers the device: sends the request, polls until the service has decided, and returns its decision.
    ///
    /// # Errors
    /// [`RegisterError`] says why, at which step, and when to come back.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the registration; the client can register again at once.
    pub async fn register(&self, request: RegistrationRequest) -> Result<Assignment, RegisterError> {
        let (sender, mut outcome) = oneshot::channel();
        let (turn, action) = self.0.begin(sender).await?;
        let request = Arc::new(request);
        // Declared after `turn`, so dropped before it: the call ends, then the machine is told.
        let mut running = turn.start(action, &request);
        loop {
            let input = select! {
                biased;
                // Whoever takes the turn over completes this registration in the same step.
                Ok(outcome) = &mut outcome => return outcome,
                input = &mut running => input,
                () = turn.wake() => Input::Tick,
            };
            if let Some(Output::Act(action)) = turn.feed(input) {
                running = turn.start(action, &request);
            }
        }
    }

    /// Ends the registration in progress, if any, as cancelled, at once; nothing is sent for it afterwards. The
    /// connection stays.
    ///
    /// # Errors
    /// The transport could not cancel in time; the registration is cancelled all the same.
    ///
    /// # Cancel safety
    /// The registration is cancelled by the first poll.
    pub async fn cancel(&self) -> Result<(), TransportError> {
        self.0.leave(Input::Cancel).await
    }

    /// Ends the registration in progress, if any, as cancelled, and leaves the service in an orderly way.
    ///
    /// # Errors
    /// Leaving failed; the connection is gone all the same.
    ///
    /// # Cancel safety
    /// The registration is cancelled by the first poll.
    #[doc(alias = "endSession")]
    pub async fn disconnect(&self) -> Result<(), TransportError> {
        self.0.leave(Input::Disconnect).await
    }
}

impl Shared {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        // A step does not panic, and a state is always whole: a poisoned lock is as good as any.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a registration, unless it is cancelled while it stands in line.
    async fn begin(self: &Arc<Self>, outcome: oneshot::Sender<Outcome>) -> Result<(Turn, Action), RegisterError> {
        let cancelled = || RegisterError::new(FailureReason::OperationCancelled, Phase::Register, None);
        let mut called_off = self.called_off.subscribe();
        let begun = select! {
            biased;
            _ = called_off.changed() => return Err(cancelled()),
            taken = self.take_turn(Input::Register, Some(outcome)) => taken,
        };
        let begun = begun.map_err(|_| RegisterError::invalid_operation())?;
        match called_off.has_changed() {
            Ok(false) => Ok(begun),
            // Another thread was quicker; nothing has been sent yet.
            _ => Err(cancelled()),
        }
    }

    /// Asks the machine for something, in line, and again once it has left if it is leaving.
    ///
    /// `Ok`: the call drives the machine from here on, starting with the action. `Err`: what the call resolves to as it
    /// is.
    async fn take_turn(
        self: &Arc<Self>,
        call: Input,
        mut outcome: Option<oneshot::Sender<Outcome>>,
    ) -> Result<(Turn, Action), Result<(), TransportError>> {
        // `cancel` never waits.
        let _place = match call {
            Input::Cancel => None,
            _ => Some(self.line.lock().await),
        };
        loop {
            {
                let mut machine = self.machine();
                match self.step(&mut machine, call.clone()) {
                    Some(Output::Act(action)) => {
                        machine.turn += 1;
                        machine.outcome = outcome.take();
                        return Ok((
                            Turn {
                                shared: Arc::clone(self),
                                number: machine.turn,
                            },
                            action,
                        ));
                    }
                    Some(Output::Return(result)) => return Err(result),
                    Some(Output::Reject) => return Err(Err(TransportError::invalid_operation())),
                    Some(Output::Defer) => {}
                    Some(Output::Emit(_) | Output::Complete(_)) | None => return Err(Ok(())),
                }
            }
            // The sender lives as long as `self`, so this ends only when the machine has left.
            let _ = self.leaving.subscribe().wait_for(|leaving| !leaving).await;
        }
    }

    /// Steps the machine, tells events, completes the registration, and returns what else is to be done: one thing at
    /// most.
    fn step(&self, machine: &mut Machine, input: Input) -> Option<Output> {
        let context = Context {
            now: Instant::now().into_std(),
            jitter: fastrand::f64(),
            policy: &self.policy,
        };
        let (state, outputs) = mem::take(&mut machine.state).step(input, &context);
        machine.state = state;
        self.leaving.send_replace(machine.state.is_leaving());
        let mut rest = None;
        for output in outputs {
            match output {
                Output::Emit(event) => {
                    tracing::debug!(%event, "registration");
                    // Nobody listening is fine.
                    let _ = self.events.send(event);
                }
                Output::Complete(result) => {
                    if let Some(outcome) = machine.outcome.take() {
                        // The caller being gone is fine too.
                        let _ = outcome.send(result);
                    }
                }
                Output::Act(_) | Output::Reject | Output::Defer | Output::Return(_) => rest = Some(output),
            }
        }
        rest
    }

    /// Steps the machine on behalf of the call with this turn; ignored once another has taken over.
    fn feed(&self, turn: u64, input: Input) -> Option<Output> {
        let mut machine = self.machine();
        (machine.turn == turn).then(|| self.step(&mut machine, input))?
    }

    async fn leave(self: &Arc<Self>, call: Input) -> Result<(), TransportError> {
        self.called_off.send_replace(());
        let (turn, action) = match self.take_turn(call, None).await {
            Ok(turn) => turn,
            Err(result) => return result,
        };
        let transport = &self.transport;
        let leaving = async {
            match action {
                Action::Disconnect => transport.disconnect().await,
                _ => transport.cancel().await,
            }
        };
        let input = select! {
            biased;
            result = leaving => Input::Left(result),
            () = turn.wake() => Input::Tick,
        };
        match turn.feed(input) {
            Some(Output::Return(result)) => result,
            _ => Ok(()),
        }
    }
}

/// The right of one call to drive the machine, until another call takes over. Dropping it abandons what it drives.
struct Turn {
    shared: Arc<Shared>,
    number: u64,
}

impl Turn {
    fn feed(&self, input: Input) -> Option<Output> {
        self.shared.feed(self.number, input)
    }

    /// Until the machine wants to be ticked.
    async fn wake(&self) {
        let at = self.shared.machine().state.wake_at();
        match at {
            Some(at) => sleep_until(at.into()).await,
            None => pending().await,
        }
    }

    /// Starts what a registration wants done; the future's end is the machine's next input.
    fn start(&self, action: Action, request: &Arc<RegistrationRequest>) -> Running {
        let transport = Arc::clone(&self.shared.transport);
        let request = Arc::clone(request);
        let progress = self.progress();
        Box::pin(async move {
            let result = match action {
                Action::Register => transport.registration_request(&request, &progress).await,
                Action::Query { operation_id } => {
                    transport
                        .query_operation_status(&request, &operation_id, &progress)
                        .await
                }
                Action::WatchConnection => return Input::Lost(transport.connection_lost().await),
                Action::Rest | Action::Cancel | Action::Disconnect => return pending().await,
            };
            result.map_or_else(Input::Failed, Input::Answered)
        })
    }

    fn progress(&self) -> Progress {
        // A transport that keeps it must not keep the client, which keeps the transport.
        let (shared, number) = (Arc::downgrade(&self.shared), self.number);
        Progress::new(move |step| {
            if let Some(shared) = shared.upgrade() {
                shared.feed(number, Input::Progress(step));
            }
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.feed(Input::Abandon);
    }
}
