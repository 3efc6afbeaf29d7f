//! Every short sequence of inputs: what is promised of a registration holds after each step of each.
//!
//! An input that changes nothing is not walked beyond: what would follow is walked without it.

use std::time::{Duration, Instant};

use provisioning_client::{Action, FailureReason, Input, Output, Policy, Recovery, State, StatusEvent};
use provisioning_types::ErrorKind;

use crate::support::{
    OPERATION, Said, assigned, assigning,
    machine::{Bench, connected, connecting, failed, heard_by, left, left_badly, lost},
    says, seconds, throttled,
};

const DEPTH: u32 = 6;

/// In seconds, and short, so that a short walk reaches it.
const REGISTRATION_LIMIT: u64 = 9;
const OPERATION_LIMIT: u64 = 4;
const DEFAULT_WAIT: u64 = 2;
const WAIT_FLOOR: u64 = 1;

#[test]
fn every_promise_is_kept_after_every_short_sequence_of_inputs() {
    for recoveries in [0, 1] {
        let policy = Policy::default()
            .with_registration_limit(seconds(REGISTRATION_LIMIT))
            .with_operation_limit(seconds(OPERATION_LIMIT))
            .with_default_wait(seconds(DEFAULT_WAIT))
            .with_wait_floor(seconds(WAIT_FLOOR))
            .with_recovery(Recovery::lost_connections(recoveries));
        let start = Walk {
            bench: Bench::new(policy),
            recoveries,
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
        failed(ErrorKind::Connect),
        failed(ErrorKind::Lost),
        lost(),
        Input::Cancel,
        Input::Disconnect,
        Input::Abandon,
        left(),
        left_badly(),
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
    registration: Option<Registration>,
}

/// A registration in progress, as an onlooker knows it.
#[derive(Clone)]
struct Registration {
    deadline: Instant,
    /// The service is not to be asked before.
    not_before: Instant,
    /// The operation, once the service has named it.
    operation_id: Option<String>,
    recoveries: u32,
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
        let outputs = self.bench.feed(input.clone());
        // States say everything that they hold when they are debugged.
        let moved = format!("{:?}", self.bench.state) != format!("{:?}", before.state);

        let controls = outputs.iter().filter(|output| is_control(output)).count();
        assert!(controls <= 1, "{controls} things to do at once: {outputs:?}");
        self.check_reply(&input, &before, moved, &outputs);
        for (at, output) in outputs.iter().enumerate() {
            self.check_output(output, outputs.get(at + 1));
        }
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
            Move::Hear { to_query, .. } if matches!(self.bench.state, State::Polling(_)) => (None, to_query),
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
        let in_flight = matches!(self.bench.state, State::Registering(_) | State::Polling(_));
        let (Some(registration), Input::Answered(answer), true) = (&mut self.registration, input, in_flight) else {
            return;
        };
        let wait = match answer.retry_after {
            None => seconds(DEFAULT_WAIT),
            Some(wait) => wait.max(seconds(WAIT_FLOOR)),
        };
        registration.not_before = self.bench.now + wait;
        if let Some(id) = &answer.operation_id {
            registration.operation_id = Some(id.clone());
        }
    }

    /// What each input gets by itself, and who begins or abandons a registration.
    fn check_reply(&mut self, input: &Input, before: &Bench, moved: bool, outputs: &[Output]) {
        let (was_working, was_leaving) = (before.state.is_working(), before.state.is_leaving());
        match input {
            Input::Register if was_working => assert!(matches!(outputs, [Output::Reject]) && !moved),
            Input::Register if was_leaving => assert!(matches!(outputs, [Output::Defer]) && !moved),
            Input::Register => {
                assert!(matches!(outputs, [Output::Act(Action::Register)]), "{outputs:?}");
                self.registration = Some(Registration {
                    deadline: self.bench.now + seconds(REGISTRATION_LIMIT),
                    not_before: self.bench.now,
                    operation_id: None,
                    recoveries: 0,
                });
            }
            Input::Cancel | Input::Disconnect if was_working => {
                let [Output::Complete(Err(error)), Output::Act(_)] = outputs else {
                    panic!("{input:?} came to {outputs:?}");
                };
                assert!(matches!(error.reason(), FailureReason::OperationCancelled), "{error:?}");
            }
            Input::Disconnect if was_leaving => assert!(matches!(outputs, [Output::Defer]) && !moved),
            Input::Cancel | Input::Disconnect => {
                assert!(
                    matches!(outputs, [Output::Act(_) | Output::Return(Ok(()))]),
                    "{outputs:?}"
                );
            }
            Input::Abandon => {
                assert!(outputs.is_empty(), "{outputs:?}");
                self.registration = None;
            }
            Input::Tick if before.state.wake_at().is_none_or(|at| self.bench.now < at) => {
                assert!(outputs.is_empty() && !moved, "a spurious tick came to {outputs:?}");
            }
            Input::Progress(_) | Input::Answered(_) | Input::Failed(_) | Input::Lost(_) if !was_working => {
                assert!(outputs.is_empty(), "{input:?} came late, to {outputs:?}");
            }
            Input::Left(_) if !was_leaving => assert!(outputs.is_empty() && !moved, "{outputs:?}"),
            Input::Tick | Input::Left(_) if was_leaving => {
                assert!(matches!(outputs.last(), Some(Output::Return(_))), "{outputs:?}");
            }
            Input::Progress(_)
            | Input::Answered(_)
            | Input::Failed(_)
            | Input::Lost(_)
            | Input::Tick
            | Input::Left(_) => {}
        }
    }

    fn check_output(&mut self, output: &Output, next: Option<&Output>) {
        match output {
            Output::Act(action) => self.check_action(action),
            Output::Emit(StatusEvent::DisconnectFailed { .. }) => assert!(self.registration.is_none()),
            Output::Emit(StatusEvent::Assigned(told)) => {
                assert!(
                    matches!(next, Some(Output::Complete(Ok(returned))) if returned == told),
                    "{next:?}"
                );
            }
            Output::Emit(event) => {
                let registration = self.registration.as_mut().expect("events are of a registration");
                if let StatusEvent::Recovering { attempt, .. } = event {
                    registration.recoveries += 1;
                    assert_eq!(*attempt, registration.recoveries);
                    assert!(registration.recoveries <= self.recoveries, "one recovery too many");
                }
            }
            Output::Complete(_) => {
                let registration = self.registration.take();
                assert!(registration.is_some(), "completed without a registration, or twice");
            }
            Output::Reject | Output::Defer | Output::Return(_) => {}
        }
    }

    fn check_action(&self, action: &Action) {
        let request = match action {
            Action::Register => None,
            Action::Query { operation_id } => Some(operation_id),
            Action::Cancel | Action::Disconnect => {
                assert!(self.bench.state.is_leaving() && self.registration.is_none());
                return;
            }
            Action::WatchConnection | Action::Rest => {
                assert!(self.registration.is_some(), "{action:?} for nothing");
                return;
            }
        };
        let registration = self.registration.as_ref().expect("requests are of a registration");
        assert_eq!(request, registration.operation_id.as_ref(), "the wrong request");
        assert!(self.bench.now >= registration.not_before, "asked too early");
        assert!(self.bench.now < registration.deadline, "asked when all is over");
    }

    /// What the state promises: when to tick it, and whether a registration is in progress.
    fn check_state(&self) {
        let state = &self.bench.state;
        assert_eq!(state.is_working(), self.registration.is_some(), "{state:?}");
        let due = state.wake_at();
        assert!(due.is_none_or(|at| at > self.bench.now), "due at once: {state:?}");
        let registration = self.registration.as_ref();
        match state {
            State::Disconnected | State::Idle => assert_eq!(due, None),
            State::Registering(_) | State::Polling(_) => {
                assert!(due <= registration.map(|registration| registration.deadline));
                assert!(due <= Some(self.bench.now + seconds(OPERATION_LIMIT)));
            }
            State::WaitingToPoll(_) | State::Recovering(_) => {
                assert!(
                    due < registration.map(|registration| registration.deadline),
                    "a wait past the deadline"
                );
                assert!(
                    due >= registration.map(|registration| registration.not_before),
                    "a wait too short"
                );
            }
            State::Cancelling(_) | State::Disconnecting(_) => assert!(due.is_some()),
        }
    }

    /// Left alone, the machine comes to rest; left by force, too; and then it takes a registration.
    fn check_way_back(&self) {
        let mut alone = self.bench.clone();
        for _ in 0..2 {
            if alone.state.wake_at().is_some() {
                alone.tick_when_due();
            }
        }
        assert!(
            takes_a_registration(alone),
            "{:?} does not come to rest",
            self.bench.state
        );
        let mut left_by_force = self.bench.clone();
        left_by_force.feed(Input::Disconnect);
        left_by_force.feed(left());
        assert!(
            takes_a_registration(left_by_force),
            "{:?} is not left",
            self.bench.state
        );
    }
}

fn takes_a_registration(mut bench: Bench) -> bool {
    matches!(bench.feed(Input::Register).as_slice(), [Output::Act(Action::Register)])
}

/// Whether the caller of `step` has to do it, or to pass it on, rather than to spread it.
fn is_control(output: &Output) -> bool {
    match output {
        Output::Act(_) | Output::Reject | Output::Defer | Output::Return(_) => true,
        Output::Emit(_) | Output::Complete(_) => false,
    }
}
