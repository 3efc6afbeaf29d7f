//! A program that registers one device and ends, from its start.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::{self, Command},
};

use benchmarks::{
    Result,
    task::{DEVICE, Facts, Run, ServiceSettings},
};
use serde_json::{Value, json};

use super::{
    Bench,
    figure::{Figure, Unit, ratios},
    peers::{self, Peer},
    process::Process,
    table::{Goal, Row},
};

/// The Python SDK connects to this port only.
const PORT: u16 = 8883;

/// The runs of one program.
struct Runs {
    name: &'static str,
    command: Command,
    question: Value,
    runs: Vec<Run>,
}

/// What is compared.
struct Column {
    what: &'static str,
    read: fn(&Run) -> f64,
    unit: Unit,
    then: &'static str,
    /// How many times the better SDK must be above it.
    goal: f64,
}

const COLUMNS: [Column; 3] = [
    Column {
        what: "CPU",
        read: |run| run.cpu,
        unit: Unit::Milliseconds,
        then: "6.3 ms, 33x",
        goal: 50.0,
    },
    Column {
        what: "peak memory",
        read: |run| run.peak,
        unit: Unit::MiB,
        then: "7.8 MiB, 4.2x",
        goal: 6.0,
    },
    Column {
        what: "wall",
        read: |run| run.wall,
        unit: Unit::Milliseconds,
        then: "10 ms, 21x",
        goal: 20.0,
    },
];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let settings = ServiceSettings {
        mqtt_address: Some((own_address(), PORT)),
        ..bench.settings()
    };
    let (_service, facts) = bench.service_with(&settings)?;
    let [mut dps, mut production] = [&bench.programs.dps, &bench.programs.production_dps]
        .map(|program| Runs::new("dps register", dps(bench, program, &facts), Value::Null));
    let mut floor = Runs::new("floor", floor(bench, &facts), Value::Null);
    let ca = facts.folder.join("ca.pem");
    let peer = |peer: &Peer| Runs::new(peer.name, wrapped(bench, &peer.command(&ca)), question(&facts));
    let mut peers: Vec<_> = bench.peers.iter().map(peer).collect();
    for _ in 0..bench.arguments.rounds {
        for runs in [&mut dps, &mut production, &mut floor].into_iter().chain(&mut peers) {
            runs.run()?;
        }
    }
    let all = rows("`dps register`", true, &dps, &floor, &peers);
    let lean = "`dps register` without the local DPS";
    let lean = rows(lean, false, &production, &floor, &peers);
    Ok(all.into_iter().chain(lean).collect())
}

/// The rows of a program, with what was measured then if it is the same program.
fn rows(name: &str, is_as_then: bool, dps: &Runs, floor: &Runs, sdks: &[Runs]) -> Vec<Row> {
    let mut rows = vec![];
    for Column {
        what,
        read,
        unit,
        then,
        goal,
    } in COLUMNS
    {
        let show = |runs: &Runs| format!("{} {}", runs.name, Figure::of(runs.values(read)).show(unit));
        let figure = Figure::of(dps.values(read));
        let better = sdks.iter().min_by(|one, other| {
            let median = |runs: &Runs| Figure::of(runs.values(read)).median;
            median(one).total_cmp(&median(other))
        });
        let ratio = better.map(|better| ratios(&better.values(read), &dps.values(read)));
        let ratio_shown = ratio.map_or_else(String::new, |ratio| format!(", {}", ratio.show(Unit::Times)));
        let mut beside: Vec<_> = sdks.iter().map(show).collect();
        if sdks.is_empty() {
            beside.push("SDKs: with --peers".to_owned());
        }
        beside.push(show(floor));
        let row = Row::new(
            format!("from process start, {name}: {what}"),
            format!("{}{ratio_shown}", figure.show(unit)),
        );
        let row = row.then(if is_as_then { then } else { "" }).beside(beside.join("; "));
        // Which SDK is the better one is known when both were measured.
        let judged = ratio.as_ref().filter(|_| sdks.len() == peers::COUNT);
        rows.push(row.goal(Goal::AtLeast(goal, Unit::Times), judged));
    }
    rows
}

impl Runs {
    fn new(name: &'static str, command: Command, question: Value) -> Self {
        Self {
            name,
            command,
            question,
            runs: vec![],
        }
    }

    fn run(&mut self) -> Result<()> {
        let run: Run = Process::spawn(&mut self.command)?.ask_last(&self.question)?;
        if !run.line.contains("assigned") {
            return Err(format!("{} did not register: {}", self.name, run.line.trim()).into());
        }
        self.runs.push(run);
        Ok(())
    }

    fn values(&self, read: fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(read).collect()
    }
}

/// The command through `cost`, which says what it cost.
fn wrapped(bench: &Bench<'_>, command: &Command) -> Command {
    let mut cost = Command::new(&bench.programs.cost);
    cost.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => cost.env(name, value),
            None => cost.env_remove(name),
        };
    }
    cost
}

fn dps(bench: &Bench<'_>, program: &Path, facts: &Facts) -> Command {
    let mut dps = Command::new(program);
    dps.args([
        "register",
        "--json",
        "--host",
        &facts.mqtt,
        "--id-scope",
        &facts.id_scope,
    ]);
    for (option, file) in files() {
        dps.arg(format!("--{option}")).arg(facts.folder.join(file));
    }
    wrapped(bench, &dps)
}

fn floor(bench: &Bench<'_>, facts: &Facts) -> Command {
    let mut floor = Command::new(&bench.programs.floor);
    floor.args([&facts.mqtt, &facts.id_scope, DEVICE]);
    floor.args(files().map(|(_, file)| facts.folder.join(file)));
    wrapped(bench, &floor)
}

/// What the scripts of external-tests read.
fn question(facts: &Facts) -> Value {
    let (host, port) = facts.mqtt.rsplit_once(':').unwrap_or_default();
    let mut question = json!({
        "host": host,
        "port": port,
        "websocket": false,
        "https": false,
        "idScope": facts.id_scope,
        "registrationId": DEVICE,
    });
    for (name, file) in files() {
        question[name] = json!(facts.folder.join(file));
    }
    question
}

fn files() -> [(&'static str, String); 3] {
    [
        ("ca", "ca.pem".to_owned()),
        ("cert", format!("devices/{DEVICE}.pem")),
        ("key", format!("devices/{DEVICE}.key")),
    ]
}

/// A loopback address that no other program listens on.
fn own_address() -> IpAddr {
    let [.., high, low] = process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, high | 0x80, low, 1))
}
