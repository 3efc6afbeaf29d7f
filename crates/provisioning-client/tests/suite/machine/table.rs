//! Every state with every input: what the machine does is what the documentation's tables say.

use std::{env, fmt::Write as _, fs, time::Duration};

use provisioning_client::{Input, Policy, Recovery, Step};
use provisioning_types::{ErrorKind, WaitStep};

use crate::{
    machine::names::{input_name, next_name, outcome_name, shown, state_name},
    support::{
        assigned, assigning,
        machine::{Bench, closed, closed_badly, connected, connecting, failed, heard, lost, waiting_for},
        says, seconds, simultaneous, throttled,
    },
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/state-machine.md");
const BEGIN: &str = "<!-- The test of these tables writes them. -->\n";
const END: &str = "<!-- The tables end here. -->\n";

#[test]
fn the_documentation_shows_what_the_machine_does_in_every_state_with_every_input() {
    let page = fs::read_to_string(PAGE).expect("docs/state-machine.md");
    let (before, rest) = page.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where the tables end");
    let fresh = format!("{before}{BEGIN}{}\n{END}{after}", tables());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, fresh).unwrap();
        panic!("docs/state-machine.md is written; read what changed, then run again without UPDATE_DOCS");
    }
    if page != fresh {
        let same = page.lines().zip(fresh.lines()).take_while(|(one, other)| one == other);
        let line = same.count();
        panic!(
            "docs/state-machine.md:{}: the tables are stale from here\n is:        {}\n should be: {}\n\
             `UPDATE_DOCS=1 cargo test -p provisioning-client the_documentation` writes them",
            line + 1,
            page.lines().nth(line).unwrap_or_default(),
            fresh.lines().nth(line).unwrap_or_default(),
        );
    }
}

/// How a state is reached; more than one way where that makes a difference.
type Way = (&'static str, fn(&mut Bench));

/// Everything that may happen, by what distinguishes it from other inputs of its name. Making the input may let time
/// pass or change the policy.
type Case = (&'static str, fn(&mut Bench) -> Input);

const WAYS: &[Way] = &[
    ("", |_| {}),
    ("", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&assigned());
    }),
    ("connecting", |bench| {
        let _ = bench.feed(Input::Register);
    }),
    ("waiting for TCP", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.feed(waiting_for(WaitStep::Tcp));
    }),
    ("connected", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.feed(connected());
    }),
    ("connected, again after 429", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&throttled(429));
        let _ = bench.tick_when_due();
    }),
    ("connected, again after 409203", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&simultaneous());
        let _ = bench.tick_when_due();
    }),
    ("to query", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&assigning().retry_after(7));
    }),
    ("to register again after 429", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&throttled(429).retry_after(7));
    }),
    ("to register again after 409203", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&simultaneous().retry_after(7));
    }),
    ("connected", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.hear(&assigning());
        let _ = bench.tick_when_due();
    }),
    ("connecting again", |bench| {
        lose_connection(bench);
        let _ = bench.tick_when_due();
    }),
    ("lost", lose_connection),
    ("waiting for the network", |bench| {
        let _ = bench.feed(Input::Register);
        let failed = with_wait_for_network(bench, failed(ErrorKind::Connect));
        let _ = bench.feed(failed);
        bench.policy = Policy::default();
    }),
    ("connected", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.feed(connected());
        let _ = bench.feed(Input::Cancel);
    }),
    ("not connected", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.feed(Input::Cancel);
    }),
    ("", |bench| {
        let _ = bench.feed(Input::Register);
        let _ = bench.feed(Input::Disconnect);
    }),
];

const CASES: &[Case] = &[
    ("", |_| Input::Register),
    ("connecting", |_| connecting()),
    ("connected", |_| connected()),
    ("waiting for TCP", |_| waiting_for(WaitStep::Tcp)),
    ("waiting for a response", |_| waiting_for(WaitStep::Response)),
    ("assigned", |bench| heard(bench, &assigned())),
    ("assigned, but to no hub", |bench| {
        heard(bench, &says(200, r#"{"status":"assigned"}"#))
    }),
    ("assigning", |bench| heard(bench, &assigning())),
    ("assigning, but no operation id", |bench| {
        heard(bench, &says(202, r#"{"status":"assigning"}"#))
    }),
    ("assigning, come back in 7 s", |bench| {
        heard(bench, &assigning().retry_after(7))
    }),
    ("assigning, come back in 0 s", |bench| {
        heard(bench, &assigning().retry_after(0))
    }),
    ("assigning, come back in 1 s", |bench| {
        heard(bench, &assigning().retry_after(1))
    }),
    ("assigning, come back in 400 s", |bench| {
        heard(bench, &assigning().retry_after(400))
    }),
    ("failed", |bench| heard(bench, &says(200, r#"{"status":"failed"}"#))),
    ("disabled", |bench| heard(bench, &says(200, r#"{"status":"disabled"}"#))),
    ("a status that nobody knows", |bench| {
        heard(bench, &says(200, r#"{"status":"unassigned"}"#))
    }),
    ("429", |bench| heard(bench, &throttled(429))),
    ("503", |bench| heard(bench, &throttled(503))),
    ("429, come back in 7 s", |bench| {
        heard(bench, &throttled(429).retry_after(7))
    }),
    ("503, come back in 7 s", |bench| {
        heard(bench, &throttled(503).retry_after(7))
    }),
    ("429, come back in 400 s", |bench| {
        heard(bench, &throttled(429).retry_after(400))
    }),
    ("503, come back in 400 s", |bench| {
        heard(bench, &throttled(503).retry_after(400))
    }),
    ("refused", |bench| heard(bench, &says(401, ""))),
    ("another 409", |bench| heard(bench, &says(409, ""))),
    ("409203", |bench| heard(bench, &simultaneous())),
    ("409203, come back in 1 s", |bench| {
        heard(bench, &simultaneous().retry_after(1))
    }),
    ("409203, come back in 7 s", |bench| {
        heard(bench, &simultaneous().retry_after(7))
    }),
    ("409203, come back in 400 s", |bench| {
        heard(bench, &simultaneous().retry_after(400))
    }),
    ("409203, more often than the policy allows", |bench| {
        bench.policy = Policy::default().with_simultaneous_retries(0);
        heard(bench, &simultaneous())
    }),
    ("no connection", |_| failed(ErrorKind::Connect)),
    ("no connection, with recovery", |bench| {
        with_recovery(bench, failed(ErrorKind::Connect))
    }),
    ("no connection, while the policy waits for the network", |bench| {
        with_wait_for_network(bench, failed(ErrorKind::Connect))
    }),
    ("not available", |_| failed(ErrorKind::Service)),
    ("not available, with recovery", |bench| {
        with_recovery(bench, failed(ErrorKind::Service))
    }),
    ("no handshake, with recovery", |bench| {
        with_recovery(bench, failed(ErrorKind::Timeout))
    }),
    ("lost", |_| failed(ErrorKind::Lost)),
    ("lost, with recovery", |bench| {
        with_recovery(bench, failed(ErrorKind::Lost))
    }),
    ("cancelled", |_| failed(ErrorKind::Cancelled)),
    ("without recovery", |_| lost()),
    ("with recovery", |bench| with_recovery(bench, lost())),
    ("early", |bench| {
        bench.now += bench
            .due_in()
            .unwrap_or_default()
            .saturating_sub(Duration::from_millis(1));
        Input::Tick
    }),
    ("due", |bench| {
        bench.now += bench.due_in().unwrap_or_default();
        Input::Tick
    }),
    ("due, with recovery", |bench| {
        bench.now += bench.due_in().unwrap_or_default();
        with_recovery(bench, Input::Tick)
    }),
    ("due, while the policy waits for the network", |bench| {
        bench.now += bench.due_in().unwrap_or_default();
        with_wait_for_network(bench, Input::Tick)
    }),
    ("past the registration's limit", |bench| {
        bench.now += seconds(300);
        Input::Tick
    }),
    ("", |_| Input::Cancel),
    ("", |_| Input::Disconnect),
    ("", |_| Input::Abandon),
    ("in good order", |_| closed()),
    ("badly", |_| closed_badly()),
];

/// Loses the connection with one recovery left, and with none after it.
fn lose_connection(bench: &mut Bench) {
    bench.policy = Policy::default().with_recovery(Recovery::lost_connections(1));
    let _ = bench.feed(Input::Register);
    let _ = bench.hear(&assigning());
    let _ = bench.feed(lost());
    bench.policy = Policy::default();
}

fn with_recovery(bench: &mut Bench, input: Input) -> Input {
    bench.policy = Policy::default().with_recovery(Recovery::lost_connections(9));
    input
}

fn with_wait_for_network(bench: &mut Bench, input: Input) -> Input {
    bench.policy = Policy::default().with_wait_for_network(seconds(120));
    input
}

/// A state, and machines that reached it in different ways.
struct Section {
    state: &'static str,
    ways: Vec<(&'static str, Bench)>,
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = vec![];
    for (way, reach) in WAYS {
        let mut bench = Bench::new(Policy::default());
        reach(&mut bench);
        let state = state_name(bench.machine.status());
        match sections.last_mut() {
            Some(last) if last.state == state => last.ways.push((way, bench)),
            _ => sections.push(Section {
                state,
                ways: vec![(way, bench)],
            }),
        }
    }
    sections
}

fn tables() -> String {
    let mut text = String::new();
    for section in sections() {
        write!(
            text,
            "\n### {}\n\n| input | next state | step |\n| --- | --- | --- |\n",
            section.state
        )
        .unwrap();
        let (ignored, rows): (Vec<_>, Vec<_>) = rows(&section).into_iter().partition(|(_, outcome)| outcome.is_empty());
        for (input, outcome) in rows {
            writeln!(text, "| {input} | {outcome} |").unwrap();
        }
        let ignored: Vec<_> = ignored.into_iter().map(|(input, _)| input).collect();
        writeln!(text, "\nIgnored: {}.", ignored.join(", ")).unwrap();
    }
    text
}

/// What happens on which input. Inputs that come to the same share a row; ways to the state that do not have one each.
fn rows(section: &Section) -> Vec<(String, String)> {
    let groups = groups(section);
    let mut rows = vec![];
    for (input, details, outcomes) in &groups {
        let is_whole = groups.iter().filter(|(other, ..)| other == input).count() == 1;
        let details = details.join("; ");
        let label = if is_whole {
            format!("`{input}`")
        } else {
            format!("`{input}`: {details}")
        };
        let mut ways_by_outcome: Vec<(&String, Vec<&str>)> = vec![];
        for ((way, _), outcome) in section.ways.iter().zip(outcomes) {
            match ways_by_outcome.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, ways)) => ways.push(way),
                None => ways_by_outcome.push((outcome, vec![way])),
            }
        }
        let matters = ways_by_outcome.len() > 1;
        rows.extend(ways_by_outcome.into_iter().map(|(outcome, ways)| {
            let when = if matters {
                format!(" ({})", ways.join("; "))
            } else {
                String::new()
            };
            (format!("{label}{when}"), outcome.clone())
        }));
    }
    rows
}

/// Inputs of one name that come to the same, whichever way the state was reached: their name, their details, and the
/// outcome for each way.
fn groups(section: &Section) -> Vec<(&'static str, Vec<&'static str>, Vec<String>)> {
    let mut groups: Vec<(&str, Vec<&str>, Vec<String>)> = vec![];
    for (detail, make) in CASES {
        let mut name = "";
        let mut outcomes = vec![];
        for (_, bench) in &section.ways {
            let mut bench = bench.clone();
            let input = make(&mut bench);
            name = input_name(&input);
            outcomes.push(outcome(bench, input));
        }
        match groups
            .iter_mut()
            .find(|(known, _, same)| *known == name && *same == outcomes)
        {
            Some((_, details, _)) => details.push(detail),
            None => groups.push((name, vec![detail], outcomes)),
        }
    }
    groups
}

/// The next state and the outputs; empty when nothing changes and nothing comes out.
fn outcome(mut bench: Bench, input: Input) -> String {
    let before = bench.clone();
    let outputs = outputs(bench.feed(input));
    // A machine's `Debug` says everything that it holds.
    if outputs.is_empty() && format!("{:?}", bench.machine) == format!("{:?}", before.machine) {
        return String::new();
    }
    let next = state_name(bench.machine.status());
    let next = match bench.due_in() {
        due if due == before.due_in() && next == state_name(before.machine.status()) => "the same".to_owned(),
        None => next.to_owned(),
        Some(due) => format!("{next}, due in {}", shown(due)),
    };
    format!("{next} | {}", outputs.join(", "))
}

/// The outputs of a step by name, in order.
fn outputs(step: Step) -> Vec<String> {
    let Step { event, outcome, next } = step;
    let event = event.map(|event| format!("event `{}`", event.name()));
    let outcome = outcome.as_ref().map(outcome_name);
    [event, outcome, next_name(&next)].into_iter().flatten().collect()
}

#[test]
fn every_state_that_can_be_reached_has_a_table() {
    let sections = sections();
    for (_, bench) in sections.iter().flat_map(|section| &section.ways) {
        for (_, make) in CASES {
            let mut bench = bench.clone();
            let input = make(&mut bench);
            let _ = bench.feed(input);
            let next = state_name(bench.machine.status());
            assert!(
                sections.iter().any(|section| section.state == next),
                "{next} has no table"
            );
        }
    }
}
