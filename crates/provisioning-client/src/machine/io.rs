//! What goes into a step of the machine and what comes out.

use std::time::Duration;

use provisioning_types::{ConnectionEvent, Request, Response, TransportError};

use crate::{error::Outcome, event::StatusEvent, policy::Policy};

/// The surroundings of a step, as values: the machine has no clock and no random numbers.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time since an origin of the caller's choice, the same for every step.
    pub now: Duration,
    /// How much of the allowed jitter to apply, from 0 to 1.
    pub jitter: f64,
    /// The timeouts and waits.
    pub policy: &'a Policy,
}

impl Context<'_> {
    /// When `timeout` expires. Longer ones than a century count as one: no clock goes further.
    pub(super) fn expiry(&self, timeout: Duration) -> Duration {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        self.now.saturating_add(timeout.min(CENTURY))
    }

    /// How long the service asks to wait, raised to the floor; `None` when it does not say.
    pub(super) fn retry_after(&self, asked: Option<Duration>) -> Option<Duration> {
        asked.map(|wait| wait.max(self.policy.wait_floor))
    }
}

/// What happens to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// A caller asks for a registration.
    Register,
    /// A caller asks to cancel.
    Cancel,
    /// A caller asks to disconnect.
    Disconnect,
    /// The call in progress was dropped.
    Abandon,
    /// Time passed: [`Machine::wake_at`](crate::Machine::wake_at) may be due.
    Tick,
    /// The transport reports how far it has come with connecting, or what the request in flight waits for.
    Connection(ConnectionEvent),
    /// The request in flight got a response, or failed.
    Response(Result<Response, TransportError>),
    /// The connection ended while no request was in flight.
    ConnectionLost(TransportError),
    /// The transport's `cancel` or `disconnect` returned.
    Closed(Result<(), TransportError>),
}

/// What one step comes to.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Step {
    /// Emit this event first.
    pub event: Option<StatusEvent>,
    /// Then complete the registration with this outcome.
    pub outcome: Option<Outcome>,
    /// Then do this.
    pub next: Next,
}

impl From<Next> for Step {
    fn from(next: Next) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }
}

/// What is to be done after a step.
#[derive(Debug, Clone, Default)]
pub enum Next {
    /// Go on with what was started before.
    #[default]
    Continue,
    /// Drop what was started before, and start this in the transport.
    Start(Action),
    /// Refuse this `register`: a registration is in progress.
    Busy,
    /// Repeat this `register` or `disconnect` once the transport has closed.
    Defer,
    /// Return this from the `cancel` or `disconnect`.
    Return(Result<(), TransportError>),
}

/// A call of the transport; at most one is in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a request. Its end is [`Input::Response`].
    Send(Request),
    /// Wait until the machine is due, or [`Input::ConnectionLost`].
    Wait,
    /// Abort, and wait until the machine is due: the connection does not answer, or may not.
    Abort,
    /// Cancel. Its end is [`Input::Closed`].
    Cancel,
    /// Disconnect. Its end is [`Input::Closed`].
    Disconnect,
}
