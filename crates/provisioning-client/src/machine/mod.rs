//! The registration as a pure state machine: no clock, no socket, no future.
//!
//! [`Machine::step`] is the one transition function: an arm for each rule of the protocol. The time and the jitter come
//! in with each input; [`Machine::wake_at`] says when the next [`Input::Tick`] is due. All transitions are in the
//! project's `docs/state-machine.md`, and a test compares that page with this machine.

mod attempt;
mod io;

use std::{mem, time::Duration};

use provisioning_types::{ConnectionEvent, ErrorKind, Phase, Request, TransportError, WaitStep, Waiting};

use self::attempt::Attempt;
pub use self::io::{Action, Context, Input, Next, Step};
use crate::{
    error::{FailureReason, RegisterError},
    event::StatusEvent,
};

/// One client's registration: whether it is connected, and what is in progress.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// As far as is known.
    connected: bool,
    state: State,
}

/// Each state owns the data that it needs. Its time is when the next tick is due.
#[derive(Debug, Clone, Default)]
enum State {
    /// Nothing is in progress.
    #[default]
    Ready,
    /// A request is in flight; connecting for it is part of it.
    InFlight(Attempt, Exchange),
    /// The request is sent at the time.
    Waiting(Attempt, Request, Duration),
    /// The transport is closing; it must have closed before the time.
    Closing(Close, Duration),
}

/// A request in flight.
#[derive(Debug, Clone)]
struct Exchange {
    request: Request,
    /// When the response must have arrived.
    respond_by: Duration,
    /// What the transport waits for, as far as it has said.
    waiting: Option<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    Cancel,
    Disconnect,
}

/// What a [`Machine`] is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not connected, nothing in progress.
    Disconnected,
    /// Connected, nothing in progress.
    Idle,
    /// The registration request is in flight; connecting for it is part of it.
    Registering,
    /// Connected, and waiting to send the next request.
    WaitingToPoll,
    /// A query of the operation is in flight.
    Polling,
    /// Not connected; waiting to connect again: the connection was lost, did not answer, or could not be made yet.
    Recovering,
    /// The transport is cancelling.
    Cancelling,
    /// The transport is disconnecting.
    Disconnecting,
}

impl Status {
    /// Whether a registration is in progress.
    pub fn is_in_progress(self) -> bool {
        matches!(
            self,
            Self::Registering | Self::WaitingToPoll | Self::Polling | Self::Recovering
        )
    }

    /// Whether the transport is cancelling or disconnecting.
    pub fn is_closing(self) -> bool {
        matches!(self, Self::Cancelling | Self::Disconnecting)
    }
}

impl Machine {
    /// What the machine is doing.
    pub fn status(&self) -> Status {
        match &self.state {
            State::Ready if self.connected => Status::Idle,
            State::Ready => Status::Disconnected,
            State::InFlight(_, exchange) => match exchange.request {
                Request::Register => Status::Registering,
                Request::Query { .. } => Status::Polling,
            },
            State::Waiting(..) if self.connected => Status::WaitingToPoll,
            State::Waiting(..) => Status::Recovering,
            State::Closing(Close::Cancel, _) => Status::Cancelling,
            State::Closing(Close::Disconnect, _) => Status::Disconnecting,
        }
    }

    /// When [`Input::Tick`] is due, since the origin of [`Context::now`]; `None` while there is nothing to wait for.
    pub fn wake_at(&self) -> Option<Duration> {
        self.state.due()
    }

    /// Takes one input and returns what is to be done.
    ///
    /// Total: an input that comes late or does not fit is ignored, and never panics.
    pub fn step(&mut self, input: Input, context: &Context<'_>) -> Step {
        let (state, step) = match (mem::take(&mut self.state), input) {
            (State::Ready, Input::Register) => Attempt::new(context).send(Request::Register, context),
            (state @ State::Closing(..), Input::Register | Input::Disconnect) => (state, Next::Defer.into()),
            // One at a time; the first is untouched.
            (state, Input::Register) => (state, Next::Busy.into()),

            (State::Ready, Input::Cancel | Input::Disconnect) if !self.connected => {
                (State::Ready, Next::Return(Ok(())).into())
            }
            (state @ State::Closing(..), Input::Cancel) => (state, Next::Return(Ok(())).into()),
            (state, Input::Cancel) => self.close(&state, Close::Cancel, context),
            (state, Input::Disconnect) => self.close(&state, Close::Disconnect, context),

            (State::InFlight(mut attempt, mut exchange), Input::Connection(event)) => {
                let step = self.handle_connection(&mut attempt, &mut exchange, event);
                (State::InFlight(attempt, exchange), step)
            }
            (State::InFlight(attempt, exchange), Input::Response(Ok(response))) => {
                self.connected = true;
                attempt.handle_response(exchange.request, response, context)
            }
            (State::InFlight(attempt, exchange), Input::Response(Err(error))) if attempt::is_simultaneous(&error) => {
                self.connected = true;
                attempt.handle_simultaneous(exchange.request, &error, context)
            }
            (State::InFlight(attempt, exchange), Input::Response(Err(error))) => {
                let phase = self.phase(&exchange.request);
                self.connected &= !matches!(
                    error.kind(),
                    ErrorKind::Local | ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Lost
                );
                self.fail(attempt, exchange.request, context.now, phase, error, context)
            }

            (State::Waiting(attempt, request, at), Input::ConnectionLost(error)) if self.connected => {
                self.connected = false;
                self.fail(attempt, request, at, Phase::Wait, error, context)
            }
            (State::Ready, Input::ConnectionLost(_)) => {
                self.connected = false;
                (State::Ready, Step::default())
            }

            // A spurious tick changes nothing.
            (state, Input::Tick) if state.due().is_none_or(|at| context.now < at) => (state, Step::default()),
            (State::InFlight(attempt, exchange), Input::Tick) => self.time_out(attempt, exchange, context),
            (State::Waiting(attempt, request, _), Input::Tick) => {
                let phase = if self.connected { Phase::Wait } else { Phase::Connect };
                attempt.send_scheduled(request, phase, context)
            }
            (State::Closing(close, _), Input::Tick) => closed(close, Err(too_slow())),
            (State::Ready, Input::Tick) => (State::Ready, Step::default()),

            (State::Closing(Close::Disconnect, _), Input::Abandon) => {
                // How far it came is unknown: as connected, the next disconnect calls the transport again.
                self.connected = true;
                (State::Ready, Step::default())
            }
            (_, Input::Abandon) => (State::Ready, Step::default()),

            (State::Closing(close, _), Input::Closed(result)) => closed(close, result),

            // Late. (A request in flight fails by itself when the connection is lost.)
            (state, Input::Connection(_) | Input::Response(_) | Input::ConnectionLost(_) | Input::Closed(_)) => {
                (state, Step::default())
            }
        };
        self.state = state;
        step
    }

    fn handle_connection(&mut self, attempt: &mut Attempt, exchange: &mut Exchange, event: ConnectionEvent) -> Step {
        let event = match event {
            ConnectionEvent::Connecting { uri } => {
                self.connected = false;
                exchange.waiting = None;
                StatusEvent::Connecting { uri }
            }
            ConnectionEvent::Connected => {
                self.connected = true;
                exchange.waiting = None;
                attempt.connected();
                StatusEvent::Connected
            }
            ConnectionEvent::WaitingFor(waiting) => {
                attempt.waits_for(&waiting);
                exchange.waiting = Some(waiting);
                return Step::default();
            }
            // A later version's event changes nothing.
            _ => return Step::default(),
        };
        Step {
            event: Some(event),
            ..Step::default()
        }
    }

    /// The transport failed the request, or the connection is lost. `request` is tried again when `due`, if the policy
    /// allows it.
    fn fail(
        &mut self,
        mut attempt: Attempt,
        request: Request,
        due: Duration,
        phase: Phase,
        error: TransportError,
        context: &Context<'_>,
    ) -> (State, Step) {
        let phase = error.phase().unwrap_or(phase);
        match attempt.try_again(due, &error, phase, context) {
            Some((at, event)) => {
                self.connected = false;
                // What is left of a connection that did not answer must not answer the next request.
                let action = match error.kind() {
                    ErrorKind::Timeout => Action::Abort,
                    _ => Action::Wait,
                };
                (State::Waiting(attempt, request, at), attempt::waiting(event, action))
            }
            None => attempt::transport_failed(&request, error, phase),
        }
    }

    /// No response arrived before the operation's timeout, or before the deadline.
    fn time_out(&mut self, mut attempt: Attempt, exchange: Exchange, context: &Context<'_>) -> (State, Step) {
        let Exchange { request, waiting, .. } = exchange;
        let phase = match &waiting {
            Some(waiting) if waiting.step == WaitStep::Suback => Phase::Subscribe,
            _ => self.phase(&request),
        };
        if attempt.is_over(context) {
            return attempt.give_up(&request, phase, waiting, None, context);
        }
        let reason = FailureReason::RequestTimedOut {
            timeout: context.policy.operation_timeout,
            waiting,
        };
        let error = RegisterError::new(reason, phase, request.operation_id().map(str::to_owned));
        match attempt.try_again(context.now, &attempt::silence(&error), phase, context) {
            Some((at, event)) => {
                self.connected = false;
                (
                    State::Waiting(attempt, request, at),
                    attempt::waiting(event, Action::Abort),
                )
            }
            None => attempt::failed(error),
        }
    }

    /// Completes the registration in progress, if any, as cancelled, and starts to close.
    fn close(&mut self, state: &State, close: Close, context: &Context<'_>) -> (State, Step) {
        let cancelled = self.in_progress(state).map(|(phase, operation_id)| {
            let operation_id = operation_id.map(str::to_owned);
            Err(RegisterError::new(
                FailureReason::OperationCancelled,
                phase,
                operation_id,
            ))
        });
        let action = match close {
            Close::Cancel => Action::Cancel,
            Close::Disconnect => {
                self.connected = false;
                Action::Disconnect
            }
        };
        let close_by = context.expiry(context.policy.close_timeout);
        let step = Step {
            outcome: cancelled,
            ..Next::Start(action).into()
        };
        (State::Closing(close, close_by), step)
    }

    /// The step and the operation of the registration in progress.
    fn in_progress<'a>(&self, state: &'a State) -> Option<(Phase, Option<&'a str>)> {
        match state {
            State::InFlight(_, Exchange { request, .. }) => Some((self.phase(request), request.operation_id())),
            State::Waiting(_, request, _) if self.connected => Some((Phase::Wait, request.operation_id())),
            State::Waiting(_, request, _) => Some((Phase::Connect, request.operation_id())),
            State::Ready | State::Closing(..) => None,
        }
    }

    /// The step of a request in flight.
    fn phase(&self, request: &Request) -> Phase {
        if self.connected {
            request.phase()
        } else {
            Phase::Connect
        }
    }
}

impl State {
    fn due(&self) -> Option<Duration> {
        match self {
            Self::Ready => None,
            Self::InFlight(_, exchange) => Some(exchange.respond_by),
            Self::Waiting(_, _, at) | Self::Closing(_, at) => Some(*at),
        }
    }
}

/// The end of cancelling or disconnecting. A failed disconnect is an event too: the caller of a registration that
/// disconnects by itself sees the registration's outcome only.
fn closed(close: Close, result: Result<(), TransportError>) -> (State, Step) {
    let event = match (close, &result) {
        (Close::Disconnect, Err(cause)) => Some(StatusEvent::DisconnectFailed { cause: cause.clone() }),
        (Close::Disconnect, Ok(())) | (Close::Cancel, _) => None,
    };
    let step = Step {
        event,
        ..Next::Return(result).into()
    };
    (State::Ready, step)
}

/// What a close that takes too long fails with.
pub(crate) fn too_slow() -> TransportError {
    TransportError::new(ErrorKind::Timeout, "the transport did not finish in time").in_phase(Phase::Disconnect)
}
