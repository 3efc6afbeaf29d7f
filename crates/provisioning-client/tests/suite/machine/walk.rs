//! Every short sequence of inputs: what is promised of a registration holds after each step of each.
//!
//! An input that changes nothing is not walked beyond: what would follow is walked without it.

use std::time::Duration;

use provisioning_client::{Action, FailureReason, Input, Next, Outcome, Policy, Recovery, Status, StatusEvent, Step};
use provisioning_types::{ConnectionEvent, ErrorKind, Request, ServiceError, WaitStep};

use crate::support::{
    OPERATION, Said, assigned, assigning,
    machine::{Bench, closed, closed_badly, connected, connecting, failed, heard_by, lost, waiting_for},
    says, seconds, simultaneous, throttled,
};

const DEPTH: u32 = 6;

/// In seconds, and short, so that a short walk reaches it.
const REGISTRATION_LIMIT: u64 = 9;
const OPERATION_LIMIT: u64 = 4;
/// Below the floor, so it counts as the floor.
const DEFAULT_WAIT: u64 = 1;
const WAIT_FLOOR: u64 = 2;
const SIMULTANEOUS_RETRIES: u32 = 1;

#[test]
fn every_promise_is_kept_after_every_short_sequence_of_inputs() {
    for (recoveries, wait_for_network) in [(0, 0), (1, 0), (1, 6)] {
        let policy = Policy::default()
            .with_registration_timeout(seconds(REGISTRATION_LIMIT))
            .with_operation_timeout(seconds(OPERATION_LIMIT))
            .with_default_wait(seconds(DEFAULT_WAIT))
            .with_wait_floor(seconds(WAIT_FLOOR))
            .with_simultaneous_retries(SIMULTANEOUS_RETRIES)
            .with_wait_for_network(seconds(wait_for_network))
            .with_recovery(Recovery::lost_connections(recoveries));
        let start = Walk {
            bench: Bench::new(policy),
            recoveries,
            waits_for_network: wait_for_network > 0,
            registration: None,
        };
        let steps = start.on(DEPTH, &moves());
        assert!(steps > 50_000, "{steps} steps are no walk");
    }
}

enum Move {
    Feed(Input),
    /// What the service says, as the transport passes it on in answer to either request.
    Hear {
        to_register: Input,
        to_query: Input,
    },
    /// A millisecond before it is due.
    TickEarly,
    TickDue,
    /// When the registration should have ended already.
    TickLate,
}

fn moves() -> Vec<Move> {
    let feed = [
        Input::Register,
        connecting(),
        connected(),
        waiting_for(WaitStep::Tcp),
        waiting_for(WaitStep::Response),
        failed(ErrorKind::Connect),
        failed(ErrorKind::Lost),
        lost(),
        Input::Cancel,
        Input::Disconnect,
        Input::Abandon,
        closed(),
        closed_badly(),
    ];
    let said = [
        assigned(),
        assigning(),
        assigning().retry_after(0),
        assigning().retry_after(3),
        assigning().retry_after(REGISTRATION_LIMIT),
        throttled(429),
        throttled(503).retry_after(5),
        says(200, r#"{"status":"failed"}"#),
        says(202, r#"{"status":"assigning"}"#),
        says(401, ""),
        says(409, ""),
        simultaneous(),
        simultaneous().retry_after(3),
    ];
    let hear = |said: &Said| Move::Hear {
        to_register: heard_by(None, said),
        to_query: heard_by(Some(OPERATION), said),
    };
    let ticks = [Move::TickEarly, Move::TickDue, Move::TickLate];
    let moves = feed.into_iter().map(Move::Feed);
    moves.chain(said.iter().map(hear)).chain(ticks).collect()
}

/// A machine, and what an onlooker knows of it.
#[derive(Clone)]
struct Walk {
    bench: Bench,
    /// How many are allowed.
    recoveries: u32,
    /// Whether it may wait for the network.
    waits_for_network: bool,
    registration: Option<Registration>,
}

/// A registration in progress, as an onlooker knows it.
#[derive(Clone)]
struct Registration {
    deadline: Duration,
    /// The service is not to be asked before.
    not_before: Duration,
    /// The operation, once the service has named it.
    operation_id: Option<String>,
    /// Whether a connection has been established.
    is_connected: bool,
    recoveries: u32,
    simultaneous: u32,
}

impl Walk {
    /// Walks every sequence of this length from here; returns how many steps that took.
    fn on(&self, depth: u32, moves: &[Move]) -> u64 {
        let mut steps = 0;
        for one in moves {
            let mut next = self.clone();
            let moved = next.step(one);
            steps += 1;
            if moved && depth > 1 {
                steps += next.on(depth - 1, moves);
            }
        }
        steps
    }

    /// Makes one move and checks what came of it; returns whether it changed anything.
    fn step(&mut self, one: &Move) -> bool {
        let input = self.input(one);
        let before = self.bench.clone();
        self.hear(&input);
        let step = self.bench.feed(input.clone());
        // A machine's `Debug` says everything that it holds.
        let moved = format!("{:?}", self.bench.machine) != format!("{:?}", before.machine);

        self.check_reply(&input, &before, moved, &step);
        self.check_step(&step);
        if moved {
            self.check_state();
            self.check_way_back();
        }
        moved
    }

    fn input(&mut self, one: &Move) -> Input {
        let due_in = self.bench.due_in();
        let (later, input) = match one {
            Move::Feed(input) => (None, input),
            Move::Hear { to_query, .. } if self.bench.machine.status() == Status::Polling => (None, to_query),
            Move::Hear { to_register, .. } => (None, to_register),
            Move::TickEarly => (due_in.map(|due| due - Duration::from_millis(1)), &Input::Tick),
            Move::TickDue => (due_in, &Input::Tick),
            Move::TickLate => (due_in.map(|due| due + seconds(REGISTRATION_LIMIT)), &Input::Tick),
        };
        self.bench.now += later.unwrap_or_default();
        input.clone()
    }

    /// Notes what the service says of the registration in progress.
    fn hear(&mut self, input: &Input) {
        let in_flight = matches!(self.bench.machine.status(), Status::Registering | Status::Polling);
        let (Some(registration), true) = (&mut self.registration, in_flight) else {
            return;
        };
        registration.is_connected |= matches!(input, Input::Connection(ConnectionEvent::Connected));
        let (wait, operation_id) = match input {
            Input::Response(Ok(answer)) => (answer.retry_after(), answer.operation_id().map(str::to_owned)),
            Input::Response(Err(error)) => match error.service() {
                Some(service) => (service.retry_after(), None),
                None => return,
            },
            _ => return,
        };
        registration.is_connected = true;
        let wait = wait.unwrap_or(seconds(DEFAULT_WAIT));
        registration.not_before = self.bench.now + wait.max(seconds(WAIT_FLOOR));
        registration.operation_id = operation_id.or(registration.operation_id.take());
    }

    /// What each input gets by itself, and who begins or abandons a registration.
    fn check_reply(&mut self, input: &Input, before: &Bench, moved: bool, step: &Step) {
        let was = before.machine.status();
        let (was_working, was_closing) = (was.is_in_progress(), was.is_closing());
        match input {
            Input::Register if was_working => assert!(matches!(quiet(step), Some(Next::Busy)) && !moved),
            Input::Register if was_closing => assert!(matches!(quiet(step), Some(Next::Defer)) && !moved),
            Input::Register => {
                assert!(starts_to_register(step), "{step:?}");
                self.registration = Some(Registration {
                    deadline: self.bench.now + seconds(REGISTRATION_LIMIT),
                    not_before: self.bench.now,
                    operation_id: None,
                    is_connected: false,
                    recoveries: 0,
                    simultaneous: 0,
                });
            }
            Input::Cancel | Input::Disconnect if was_working => {
                let Step {
                    event: None,
                    outcome: Some(Err(error)),
                    next: Next::Start(_),
                } = step
                else {
                    panic!("{input:?} came to {step:?}");
                };
                assert!(matches!(error.reason(), FailureReason::OperationCancelled), "{error:?}");
            }
            Input::Disconnect if was_closing => assert!(matches!(quiet(step), Some(Next::Defer)) && !moved),
            Input::Cancel | Input::Disconnect => {
                let next = quiet(step);
                assert!(matches!(next, Some(Next::Start(_) | Next::Return(Ok(())))), "{step:?}");
            }
            Input::Abandon => {
                assert!(is_empty(step), "{step:?}");
                self.registration = None;
            }
            Input::Tick if before.machine.wake_at().is_none_or(|at| self.bench.now < at) => {
                assert!(is_empty(step) && !moved, "a spurious tick came to {step:?}");
            }
            Input::Connection(_) | Input::Response(_) | Input::ConnectionLost(_) if !was_working => {
                assert!(is_empty(step), "{input:?} came late, to {step:?}");
            }
            Input::Response(Err(error)) if was != Status::WaitingToPoll && was != Status::Recovering => {
                if let Some(service) = error.service() {
                    self.check_refusal(service, step);
                }
            }
            Input::Tick if was != Status::Recovering && self.bench.machine.status() == Status::Recovering => {
                assert!(
                    matches!(step.next, Next::Start(Action::Abort)),
                    "a silent connection stays: {step:?}"
                );
            }
            Input::Closed(_) if !was_closing => assert!(is_empty(step) && !moved, "{step:?}"),
            Input::Tick | Input::Closed(_) if was_closing => {
                assert!(matches!(step.next, Next::Return(_)), "{step:?}");
            }
            Input::Connection(_) | Input::Response(_) | Input::ConnectionLost(_) | Input::Tick | Input::Closed(_) => {}
        }
    }

    /// The end of a simultaneous registration is waited for while the policy and the deadline allow it; no other refusal is.
    fn check_refusal(&self, service: &ServiceError, step: &Step) {
        let registration = self.registration.as_ref().expect("requests are of a registration");
        let is_repeated = service.is_simultaneous_registration()
            && registration.simultaneous < SIMULTANEOUS_RETRIES
            && registration.not_before < registration.deadline;
        match &step.outcome {
            None => assert!(
                is_repeated && matches!(step.next, Next::Start(Action::Wait)),
                "{step:?}"
            ),
            Some(outcome) => {
                let kind = outcome.as_ref().expect_err("a refusal").kind();
                assert!(!is_repeated, "{step:?}");
                assert_eq!(kind, ErrorKind::of_status(service.status()));
            }
        }
    }

    fn check_step(&mut self, step: &Step) {
        if let Some(event) = &step.event {
            self.check_event(event, step.outcome.as_ref());
        }
        if step.outcome.is_some() {
            let registration = self.registration.take();
            assert!(registration.is_some(), "completed without a registration, or twice");
        }
        match &step.next {
            Next::Start(action) => self.check_action(action),
            Next::Continue | Next::Busy | Next::Defer | Next::Return(_) => {}
        }
    }

    fn check_event(&mut self, event: &StatusEvent, outcome: Option<&Outcome>) {
        match event {
            StatusEvent::DisconnectFailed { .. } => assert!(self.registration.is_none()),
            StatusEvent::Assigned(told) => {
                assert!(matches!(outcome, Some(Ok(returned)) if returned == told), "{outcome:?}");
            }
            event => {
                let registration = self.registration.as_mut().expect("events are of a registration");
                if let StatusEvent::Recovering { attempt, .. } = event {
                    registration.recoveries += 1;
                    assert_eq!(*attempt, registration.recoveries);
                    assert!(registration.recoveries <= self.recoveries, "one recovery too many");
                    registration.not_before = registration.not_before.max(self.bench.now + seconds(WAIT_FLOOR));
                }
                if let StatusEvent::SimultaneousRegistration { attempt, .. } = event {
                    registration.simultaneous += 1;
                    assert_eq!(*attempt, registration.simultaneous);
                    assert!(registration.simultaneous <= SIMULTANEOUS_RETRIES, "one retry too many");
                }
                if let StatusEvent::WaitingForNetwork { cause, .. } = event {
                    assert!(self.waits_for_network && !registration.is_connected);
                    assert_eq!(cause.kind(), ErrorKind::Connect);
                }
            }
        }
    }

    fn check_action(&self, action: &Action) {
        let request = match action {
            Action::Send(request) => request,
            Action::Cancel | Action::Disconnect => {
                assert!(self.bench.machine.status().is_closing() && self.registration.is_none());
                return;
            }
            Action::Wait => {
                assert!(self.registration.is_some(), "{action:?} for nothing");
                return;
            }
            Action::Abort => {
                assert_eq!(self.bench.machine.status(), Status::Recovering, "{action:?}");
                assert!(self.registration.is_some(), "{action:?} for nothing");
                return;
            }
        };
        let registration = self.registration.as_ref().expect("requests are of a registration");
        assert_eq!(
            request.operation_id(),
            registration.operation_id.as_deref(),
            "the wrong request"
        );
        assert!(self.bench.now >= registration.not_before, "asked too early");
        assert!(self.bench.now < registration.deadline, "asked when all is over");
    }

    /// What the state promises: when to tick it, and whether a registration is in progress.
    fn check_state(&self) {
        let machine = &self.bench.machine;
        let status = machine.status();
        assert_eq!(status.is_in_progress(), self.registration.is_some(), "{machine:?}");
        let due = machine.wake_at();
        assert!(due.is_none_or(|at| at > self.bench.now), "due at once: {machine:?}");
        let registration = self.registration.as_ref();
        match status {
            Status::Disconnected | Status::Idle => assert_eq!(due, None),
            Status::Registering | Status::Polling => {
                assert!(due <= registration.map(|registration| registration.deadline));
                assert!(due <= Some(self.bench.now + seconds(OPERATION_LIMIT)));
            }
            Status::WaitingToPoll | Status::Recovering => {
                assert!(
                    due < registration.map(|registration| registration.deadline),
                    "a wait past the deadline"
                );
                assert!(
                    due >= registration.map(|registration| registration.not_before),
                    "a wait too short"
                );
            }
            Status::Cancelling | Status::Disconnecting => assert!(due.is_some()),
        }
    }

    /// Left alone, the machine comes to rest; left by force, too; and then it takes a registration.
    fn check_way_back(&self) {
        let mut alone = self.bench.clone();
        // A request, its wait, and the same for a recovery and for each wait for the network.
        for _ in 0..10 {
            if alone.machine.wake_at().is_some() {
                let _ = alone.tick_when_due();
            }
        }
        assert!(
            takes_a_registration(alone),
            "{:?} does not come to rest",
            self.bench.machine
        );
        let mut left_by_force = self.bench.clone();
        let _ = left_by_force.feed(Input::Disconnect);
        let _ = left_by_force.feed(closed());
        assert!(
            takes_a_registration(left_by_force),
            "{:?} is not left",
            self.bench.machine
        );
    }
}

fn takes_a_registration(mut bench: Bench) -> bool {
    starts_to_register(&bench.feed(Input::Register))
}

fn starts_to_register(step: &Step) -> bool {
    matches!(quiet(step), Some(Next::Start(Action::Send(Request::Register))))
}

/// What comes next, after a step without event and outcome.
fn quiet(step: &Step) -> Option<&Next> {
    (step.event.is_none() && step.outcome.is_none()).then_some(&step.next)
}

fn is_empty(step: &Step) -> bool {
    matches!(quiet(step), Some(Next::Continue))
}
