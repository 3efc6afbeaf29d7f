//! The pure machine, fed by hand: inputs by name, and a clock that goes where it is told to.

use std::time::Duration;

use provisioning_client::{Context, Input, Machine, Policy, Status, Step};
use provisioning_types::{ConnectionEvent, ErrorKind, TransportError, WaitStep, Waiting};

use super::{OPERATION, Said, seconds};

/// A machine, its clock and its policy.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) now: Duration,
    pub(crate) policy: Policy,
}

impl Bench {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            machine: Machine::default(),
            now: seconds(1000),
            policy,
        }
    }

    pub(crate) fn feed(&mut self, input: Input) -> Step {
        let context = Context {
            now: self.now,
            jitter: 0.0,
            policy: &self.policy,
        };
        self.machine.step(input, &context)
    }

    /// Lets the time come that the machine waits for, and ticks it.
    pub(crate) fn tick_when_due(&mut self) -> Step {
        self.now = self.machine.wake_at().expect("a state that waits");
        self.feed(Input::Tick)
    }

    /// Feeds what a transport makes of an answer to the request in flight.
    pub(crate) fn hear(&mut self, said: &Said) -> Step {
        let input = heard(self, said);
        self.feed(input)
    }

    /// How long until the machine wants to be ticked.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        Some(self.machine.wake_at()?.saturating_sub(self.now))
    }
}

/// What a transport makes of an answer to the request in flight.
pub(crate) fn heard(bench: &Bench, said: &Said) -> Input {
    heard_by((bench.machine.status() == Status::Polling).then_some(OPERATION), said)
}

/// What a transport makes of an answer to a registration request, or to the query of an operation.
pub(crate) fn heard_by(queried: Option<&str>, said: &Said) -> Input {
    Input::Response(said.judged(queried))
}

pub(crate) fn failed(kind: ErrorKind) -> Input {
    Input::Response(Err(TransportError::new(kind, "it failed")))
}

pub(crate) fn lost() -> Input {
    Input::ConnectionLost(TransportError::new(ErrorKind::Lost, "the connection ended"))
}

pub(crate) fn connecting() -> Input {
    Input::Connection(ConnectionEvent::Connecting {
        uri: "mqtts://service.example".to_owned(),
    })
}

pub(crate) fn connected() -> Input {
    Input::Connection(ConnectionEvent::Connected)
}

pub(crate) fn waiting_for(step: WaitStep) -> Input {
    Input::Connection(ConnectionEvent::WaitingFor(Waiting::new(step, "service.example:8883")))
}

pub(crate) fn closed() -> Input {
    Input::Closed(Ok(()))
}

pub(crate) fn closed_badly() -> Input {
    Input::Closed(Err(TransportError::new(ErrorKind::Lost, "leaving failed")))
}
