//! The registration as a pure state machine: no clock, no socket, no future.
//!
//! [`Machine::step`] is the one transition function: an arm for each rule of the protocol. The time and the jitter come
//! in with each input; [`Machine::wake_at`] says when the next [`Input::Tick`] is due. All transitions are in the
//! project's `docs/state-machine.md`, and a test compares that page with this machine.

mod attempt;
mod io;

use std::{mem, time::Duration};

use provisioning_types::{ConnectionEvent, ErrorKind, Phase, Request, TransportError};

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
    /// A request is in flight; connecting for it is part of it. A response must arrive before the time.
    InFlight(Attempt, Request, Duration),
    /// The request is sent at the time.
    Waiting(Attempt, Request, Duration),
    /// The transport is closing; it must have closed before the time.
    Closing(Close, Duration),
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
    /// The connection was lost; waiting to connect again.
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
            State::InFlight(_, Request::Register, _) => Status::Registering,
            State::InFlight(_, Request::Query { .. }, _) => Status::Polling,
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

            (state @ State::InFlight(..), Input::Connection(event)) => (state, self.handle_connection(event)),
            (State::InFlight(attempt, request, _), Input::Response(Ok(response))) => {
                self.connected = true;
                attempt.handle_response(request, response, context)
            }
            (State::InFlight(attempt, request, _), Input::Response(Err(error))) => {
                self.handle_failure(attempt, request, error, context)
            }

            (State::Waiting(attempt, request, at), Input::ConnectionLost(error)) if self.connected => {
                self.connected = false;
                attempt.recover(request, at, error, Phase::Wait, context)
            }
            (State::Ready, Input::ConnectionLost(_)) => {
                self.connected = false;
                (State::Ready, Step::default())
            }

            // A spurious tick changes nothing.
            (state, Input::Tick) if state.due().is_none_or(|at| context.now < at) => (state, Step::default()),
            (State::InFlight(attempt, request, _), Input::Tick) => {
                attempt.time_out(&request, self.phase(&request), context)
            }
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

    fn handle_connection(&mut self, event: ConnectionEvent) -> Step {
        let event = match event {
            ConnectionEvent::Connecting { uri } => {
                self.connected = false;
                StatusEvent::Connecting { uri }
            }
            ConnectionEvent::Connected => {
                self.connected = true;
                StatusEvent::Connected
            }
            // A later version's event changes nothing.
            _ => return Step::default(),
        };
        Step {
            event: Some(event),
            ..Step::default()
        }
    }

    fn handle_failure(
        &mut self,
        attempt: Attempt,
        request: Request,
        error: TransportError,
        context: &Context<'_>,
    ) -> (State, Step) {
        let phase = self.phase(&request);
        if attempt.can_recover_from(&error) {
            self.connected = false;
            return attempt.recover(request, context.now, error, phase, context);
        }
        self.connected &= !matches!(error.kind(), ErrorKind::Local | ErrorKind::Connect | ErrorKind::Tls);
        attempt::transport_failed(&request, error, phase)
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
            State::InFlight(_, request, _) => Some((self.phase(request), request.operation_id())),
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
            Self::InFlight(_, _, at) | Self::Waiting(_, _, at) | Self::Closing(_, at) => Some(*at),
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
