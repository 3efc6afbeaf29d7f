//! What goes into the machine and what comes out.

use std::time::Instant;

use provisioning_types::{Answer, Assignment, ConnectionStep, TransportError};

use crate::{Policy, RegisterError, StatusEvent};

/// What surrounds a step: values, so that the machine needs no clock and no random numbers.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What time it is.
    pub now: Instant,
    /// From 0 to 1: how much of the allowed jitter to apply.
    pub jitter: f64,
    /// The limits and waits.
    pub policy: &'a Policy,
}

/// What happens to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody asks for a registration.
    Register,
    /// The transport tells how far it is with connecting.
    Progress(ConnectionStep),
    /// The request in flight was answered.
    Answered(Answer),
    /// The request in flight failed.
    Failed(TransportError),
    /// The connection ended while no request was in flight.
    Lost(TransportError),
    /// Time passed: [`State::wake_at`](super::State::wake_at) may be due.
    Tick,
    /// Somebody asks to cancel.
    Cancel,
    /// Somebody asks to disconnect.
    Disconnect,
    /// Whoever made the call in progress dropped it.
    Abandon,
    /// The transport's `cancel` or `disconnect` ended.
    Left(Result<(), TransportError>),
}

/// What the machine wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Start this in the transport and drop what was started before.
    Act(Action),
    /// Tell whoever listens.
    Emit(StatusEvent),
    /// The registration in progress ends so.
    Complete(Result<Assignment, RegisterError>),
    /// The caller of this `register` gets [`InvalidOperation`](crate::FailureReason::InvalidOperation).
    Reject,
    /// The caller of this `register` or `disconnect` is to ask again once the transport has left.
    Defer,
    /// The caller of `cancel` or `disconnect` gets this.
    Return(Result<(), TransportError>),
}

/// What is to be done in the transport; at most one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send the registration request.
    Register,
    /// Query this operation's status.
    Query {
        /// The operation.
        operation_id: String,
    },
    /// Watch for the connection's end.
    WatchConnection,
    /// Wait; there is no connection.
    Rest,
    /// Cancel.
    Cancel,
    /// Disconnect.
    Disconnect,
}
