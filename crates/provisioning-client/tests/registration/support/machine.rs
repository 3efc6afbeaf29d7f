//! The pure machine, fed by hand: inputs by name, and a clock that goes where it is told to.

use std::time::{Duration, Instant};

use provisioning_client::{Context, Input, Output, Policy, State};
use provisioning_types::{ConnectionStep, ErrorKind, TransportError};

use super::{OPERATION, Said};

/// A machine, its clock and its policy.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    pub(crate) state: State,
    pub(crate) now: Instant,
    pub(crate) policy: Policy,
}

impl Bench {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            state: State::default(),
            now: tokio::time::Instant::now().into_std(),
            policy,
        }
    }

    pub(crate) fn feed(&mut self, input: Input) -> Vec<Output> {
        let context = Context {
            now: self.now,
            jitter: 0.0,
            policy: &self.policy,
        };
        let (state, outputs) = std::mem::take(&mut self.state).step(input, &context);
        self.state = state;
        outputs
    }

    /// Lets the time come that the machine waits for, and ticks it.
    pub(crate) fn tick_when_due(&mut self) -> Vec<Output> {
        self.now = self.state.wake_at().expect("a state that waits");
        self.feed(Input::Tick)
    }

    /// Feeds what a transport makes of an answer to the request in flight.
    pub(crate) fn hear(&mut self, said: &Said) -> Vec<Output> {
        let input = heard(self, said);
        self.feed(input)
    }

    /// How long until the machine wants to be ticked.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        Some(self.state.wake_at()?.duration_since(self.now))
    }
}

/// What a transport makes of an answer to the request in flight.
pub(crate) fn heard(bench: &Bench, said: &Said) -> Input {
    heard_by(matches!(bench.state, State::Polling(_)).then_some(OPERATION), said)
}

/// What a transport makes of an answer to a registration request, or to the query of an operation.
pub(crate) fn heard_by(queried: Option<&str>, said: &Said) -> Input {
    said.judged(queried).map_or_else(Input::Failed, Input::Answered)
}

pub(crate) fn failed(kind: ErrorKind) -> Input {
    Input::Failed(TransportError::new(kind, "it failed"))
}

pub(crate) fn lost() -> Input {
    Input::Lost(TransportError::new(ErrorKind::Lost, "the connection ended"))
}

pub(crate) fn connecting() -> Input {
    Input::Progress(ConnectionStep::Connecting {
        uri: "mqtts://service.example".to_owned(),
    })
}

pub(crate) fn connected() -> Input {
    Input::Progress(ConnectionStep::Connected)
}

pub(crate) fn left() -> Input {
    Input::Left(Ok(()))
}

pub(crate) fn left_badly() -> Input {
    Input::Left(Err(TransportError::new(ErrorKind::Lost, "leaving failed")))
}
