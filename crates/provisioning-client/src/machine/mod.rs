//! The registration as a pure state machine: no clock, no socket, no future.
//!
//! [`State::step`] is the one transition function. What time it is and how much jitter to apply come in with each
//! input; when to call again is what [`State::wake_at`] says. The whole table of transitions is in the project's
//! `docs/state-machine.md`, and a test holds the two against each other.

mod io;
mod work;

use std::time::Instant;

use provisioning_types::{ErrorKind, Phase, TransportError};

pub use self::io::{Action, Context, Input, Output};
use self::work::{Request, Work};
use crate::{FailureReason, RegisterError, StatusEvent};

/// Where a client stands. Each state owns what it needs, so what does not exist yet cannot be read.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// Not connected, nothing in progress.
    #[default]
    Disconnected,
    /// Connected, nothing in progress.
    Idle,
    /// The registration request is in flight; connecting for it is part of it.
    Registering(InFlight),
    /// The service asked to come back later.
    WaitingToPoll(Waiting),
    /// A query of the operation's status is in flight.
    Polling(InFlight),
    /// The connection was lost and will be made again.
    Recovering(Waiting),
    /// The transport is cancelling.
    Cancelling(Leaving),
    /// The transport is disconnecting.
    Disconnecting(Leaving),
}

/// A request in flight.
#[derive(Debug, Clone)]
pub struct InFlight {
    work: Work,
    request: Request,
    answer_by: Instant,
}

/// A request to be sent at a time.
#[derive(Debug, Clone)]
pub struct Waiting {
    work: Work,
    request: Request,
    at: Instant,
}

/// A transport on its way out, and whether a connection will be left afterwards if it gives up.
#[derive(Debug, Clone)]
pub struct Leaving {
    connected: bool,
    by: Instant,
}

type Step = (State, Vec<Output>);

impl State {
    /// When [`Input::Tick`] is due; `None` while there is nothing to wait for.
    pub fn wake_at(&self) -> Option<Instant> {
        match self {
            Self::Disconnected | Self::Idle => None,
            Self::Registering(sent) | Self::Polling(sent) => Some(sent.answer_by),
            Self::WaitingToPoll(waiting) | Self::Recovering(waiting) => Some(waiting.at),
            Self::Cancelling(leaving) | Self::Disconnecting(leaving) => Some(leaving.by),
        }
    }

    /// Whether a registration is in progress.
    pub fn is_working(&self) -> bool {
        match self {
            Self::Registering(_) | Self::WaitingToPoll(_) | Self::Polling(_) | Self::Recovering(_) => true,
            Self::Disconnected | Self::Idle | Self::Cancelling(_) | Self::Disconnecting(_) => false,
        }
    }

    /// Whether the transport is cancelling or disconnecting.
    pub fn is_leaving(&self) -> bool {
        matches!(self, Self::Cancelling(_) | Self::Disconnecting(_))
    }

    /// Takes one input: the next state, and what is to be done, in order.
    ///
    /// Total: an input that comes late or does not fit is ignored, never a panic.
    pub fn step(self, input: Input, context: &Context<'_>) -> (Self, Vec<Output>) {
        match input {
            Input::Register => self.register(context),
            Input::Progress(step) => self.progress(step),
            Input::Answered(answer) => match self {
                Self::Registering(sent) | Self::Polling(sent) => sent.work.answered(sent.request, answer, context),
                late => late.unchanged(),
            },
            Input::Failed(error) => match self {
                Self::Registering(sent) | Self::Polling(sent) => sent.work.failed(sent.request, error, context),
                late => late.unchanged(),
            },
            Input::Lost(error) => match self {
                Self::WaitingToPoll(Waiting { work, request, at }) => {
                    work.lost(request, at, error, Phase::Wait, context)
                }
                Self::Idle => Self::Disconnected.unchanged(),
                // A request in flight fails by itself; elsewhere there is nothing to lose.
                other => other.unchanged(),
            },
            Input::Tick => self.tick(context),
            Input::Cancel => self.cancel(context),
            Input::Disconnect => self.disconnect(context),
            Input::Abandon => self.abandon(),
            Input::Left(result) => match self {
                Self::Cancelling(leaving) => (leaving.rest(), vec![Output::Return(result)]),
                Self::Disconnecting(_) => disconnected(result),
                late => late.unchanged(),
            },
        }
    }

    fn register(self, context: &Context<'_>) -> Step {
        match self {
            Self::Disconnected => Work::begin(false, context).send(Request::Register, context),
            Self::Idle => Work::begin(true, context).send(Request::Register, context),
            // One at a time; the first is untouched.
            Self::Registering(_) | Self::WaitingToPoll(_) | Self::Polling(_) | Self::Recovering(_) => {
                (self, vec![Output::Reject])
            }
            Self::Cancelling(_) | Self::Disconnecting(_) => (self, vec![Output::Defer]),
        }
    }

    fn progress(mut self, step: provisioning_types::ConnectionStep) -> Step {
        use provisioning_types::ConnectionStep::{Connected, Connecting};
        let (Self::Registering(sent) | Self::Polling(sent)) = &mut self else {
            return self.unchanged();
        };
        let event = match step {
            Connecting { uri } => {
                sent.work.connected = false;
                StatusEvent::Connecting { uri }
            }
            Connected => {
                sent.work.connected = true;
                StatusEvent::Connected
            }
        };
        (self, vec![Output::Emit(event)])
    }

    fn tick(self, context: &Context<'_>) -> Step {
        // A spurious tick changes nothing.
        if self.wake_at().is_none_or(|at| context.now < at) {
            return self.unchanged();
        }
        match self {
            Self::Registering(sent) | Self::Polling(sent) => sent.work.unanswered(&sent.request, context),
            Self::WaitingToPoll(waiting) | Self::Recovering(waiting) => waiting.work.waited(waiting.request, context),
            Self::Cancelling(leaving) => (leaving.rest(), vec![Output::Return(Err(too_slow()))]),
            Self::Disconnecting(_) => disconnected(Err(too_slow())),
            Self::Disconnected | Self::Idle => self.unchanged(),
        }
    }

    fn cancel(self, context: &Context<'_>) -> Step {
        match self {
            Self::Disconnected | Self::Cancelling(_) | Self::Disconnecting(_) => (self, vec![Output::Return(Ok(()))]),
            Self::Idle | Self::Registering(_) | Self::WaitingToPoll(_) | Self::Polling(_) | Self::Recovering(_) => {
                let leaving = Leaving::new(self.is_connected(), context);
                self.leave(Self::Cancelling(leaving), Action::Cancel)
            }
        }
    }

    fn disconnect(self, context: &Context<'_>) -> Step {
        match self {
            Self::Disconnected => (self, vec![Output::Return(Ok(()))]),
            Self::Cancelling(_) | Self::Disconnecting(_) => (self, vec![Output::Defer]),
            Self::Idle | Self::Registering(_) | Self::WaitingToPoll(_) | Self::Polling(_) | Self::Recovering(_) => {
                let leaving = Leaving::new(false, context);
                self.leave(Self::Disconnecting(leaving), Action::Disconnect)
            }
        }
    }

    /// Ends the registration in progress, if any, and starts on the way out.
    fn leave(self, next: Self, action: Action) -> Step {
        let mut outputs = vec![];
        if let Some((phase, operation_id)) = self.standing() {
            let error = RegisterError::new(FailureReason::OperationCancelled, phase, operation_id);
            outputs.push(Output::Complete(Err(error)));
        }
        outputs.push(Output::Act(action));
        (next, outputs)
    }

    /// The caller dropped the call that is in progress; so its transport call is dropped too.
    fn abandon(self) -> Step {
        match self {
            Self::Registering(_) | Self::WaitingToPoll(_) | Self::Polling(_) | Self::Recovering(_) => {
                rest(self.is_connected()).unchanged()
            }
            Self::Cancelling(leaving) => leaving.rest().unchanged(),
            // Nobody knows how far it came: idle, so that the next disconnect asks the transport again.
            Self::Disconnecting(_) => Self::Idle.unchanged(),
            Self::Disconnected | Self::Idle => self.unchanged(),
        }
    }

    fn is_connected(&self) -> bool {
        match self {
            Self::Registering(sent) | Self::Polling(sent) => sent.work.connected,
            Self::Idle | Self::WaitingToPoll(_) => true,
            Self::Cancelling(leaving) | Self::Disconnecting(leaving) => leaving.connected,
            Self::Disconnected | Self::Recovering(_) => false,
        }
    }

    /// The step and the operation of the registration in progress.
    fn standing(&self) -> Option<(Phase, Option<String>)> {
        match self {
            Self::Registering(sent) | Self::Polling(sent) => {
                Some((sent.work.phase_of(&sent.request), sent.request.operation_id()))
            }
            Self::WaitingToPoll(waiting) => Some((Phase::Wait, waiting.request.operation_id())),
            Self::Recovering(waiting) => Some((Phase::Connect, waiting.request.operation_id())),
            Self::Disconnected | Self::Idle | Self::Cancelling(_) | Self::Disconnecting(_) => None,
        }
    }

    fn unchanged(self) -> Step {
        (self, vec![])
    }
}

impl Leaving {
    fn new(connected: bool, context: &Context<'_>) -> Self {
        Self {
            connected,
            by: work::after(context.now, context.policy.leaving_limit),
        }
    }

    fn rest(&self) -> State {
        rest(self.connected)
    }
}

fn rest(connected: bool) -> State {
    if connected { State::Idle } else { State::Disconnected }
}

/// The end of disconnecting. That it failed is told as an event too: the facade's caller sees the registration's
/// outcome.
fn disconnected(result: Result<(), TransportError>) -> Step {
    let failure = result.as_ref().err().cloned();
    let mut outputs: Vec<_> = failure
        .map(|cause| Output::Emit(StatusEvent::DisconnectFailed { cause }))
        .into_iter()
        .collect();
    outputs.push(Output::Return(result));
    (State::Disconnected, outputs)
}

fn too_slow() -> TransportError {
    TransportError::new(ErrorKind::Timeout, "the transport did not finish in time").in_phase(Phase::Disconnect)
}
