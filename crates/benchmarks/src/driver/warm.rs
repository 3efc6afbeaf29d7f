//! A registration of a client that has registered before: CPU time and allocations.

use std::path::Path;

use benchmarks::{
    Result,
    task::{Cost, Facts, Roots, Side, Task, Transport},
};

use super::{
    Bench,
    figure::{Figure, Unit, ratios},
    process::Process,
    table::{Goal, Row},
    task,
};

/// Registrations in a turn.
const TIMES: u32 = 40;

/// Turns in a round. They are short, so that the subjects of one meet the machine in the same condition, and many, since
/// what else it does disturbs some of them.
const TURNS: u32 = 10;

/// What is measured, in this order.
const SUBJECTS: [(Side, Transport, Roots); 5] = [
    (Side::Floor, Transport::Mqtt, Roots::Own),
    (Side::Floor, Transport::WebSocket, Roots::Own),
    (Side::Client, Transport::Mqtt, Roots::Own),
    (Side::Client, Transport::WebSocket, Roots::Own),
    (Side::Client, Transport::Mqtt, Roots::Platform),
];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let (_service, facts) = bench.service()?;
    let rounds = bench.arguments.rounds;
    let mut rows = cpu_rows(&costs(&bench.programs.subject, &facts, rounds * TURNS)?);
    // Counts hardly vary.
    rows.extend(allocation_rows(&costs(
        &bench.programs.counting,
        &facts,
        rounds.min(3),
    )?));
    Ok(rows)
}

/// The costs of each subject, turn by turn.
fn costs(program: &Path, facts: &Facts, turns: u32) -> Result<[Vec<Cost>; 5]> {
    let mut subjects = vec![];
    for (side, transport, roots) in SUBJECTS {
        let task = Task {
            roots,
            ..task(facts, side, transport)
        };
        let mut subject = Process::start(program, &task)?;
        // The first registrations read files and fill caches.
        subject.ask::<Cost>(5)?;
        subjects.push(subject);
    }
    let mut costs: [Vec<Cost>; 5] = Default::default();
    for _ in 0..turns {
        for (subject, costs) in subjects.iter_mut().zip(&mut costs) {
            costs.push(subject.ask(TIMES)?);
        }
    }
    Ok(costs)
}

fn cpu_rows(costs: &[Vec<Cost>; 5]) -> Vec<Row> {
    let cpu = costs
        .each_ref()
        .map(|rounds| rounds.iter().map(|cost| cost.cpu).collect::<Vec<_>>());
    let [floor, floor_ws, mqtt, websocket, platform] = &cpu;
    let show = |rounds: &[f64]| Figure::of(rounds.iter().copied()).show(Unit::Milliseconds);
    let row = |what, rounds: &[f64], then, limit| {
        let ratio = ratios(rounds, floor);
        Row::new(what, format!("{}, {}", show(rounds), ratio.show(Unit::Times)))
            .then(then)
            .beside(format!("floor {}", show(floor)))
            .goal(Goal::AtMost(limit, Unit::Times), Some(&ratio))
    };
    vec![
        row("warm, own roots, MQTT: CPU", mqtt, "0.64 ms, 1.28x", 1.15),
        row(
            "warm, own roots, WebSocket: CPU, to the same floor",
            websocket,
            "0.70 ms, 1.39x",
            1.3,
        ),
        Row::new(
            "  to a floor over WebSocket",
            ratios(websocket, floor_ws).show(Unit::Times),
        )
        .beside(format!("floor {}", show(floor_ws))),
        row(
            "warm, the platform's trust store, MQTT: CPU",
            platform,
            "3.3 ms, 6.5x",
            1.25,
        ),
    ]
}

fn allocation_rows(costs: &[Vec<Cost>; 5]) -> Vec<Row> {
    let show = |rounds: &[Cost]| {
        let count = Figure::of(rounds.iter().map(|cost| cost.allocations));
        let bytes = Figure::of(rounds.iter().map(|cost| cost.bytes));
        (
            count,
            bytes,
            format!("{}, {}", count.show(Unit::Count), bytes.show(Unit::KiB)),
        )
    };
    let [floor, floor_ws, mqtt, websocket, platform] = costs.each_ref().map(|rounds| show(rounds));
    let beside = |floor: &(_, _, String)| format!("floor {}", floor.2);
    vec![
        Row::new("allocations, MQTT", mqtt.0.show(Unit::Count))
            .then("368")
            .beside(beside(&floor))
            .goal(Goal::AtMost(220.0, Unit::Count), Some(&mqtt.0)),
        Row::new("bytes allocated, MQTT", mqtt.1.show(Unit::KiB))
            .then("92.6 KiB")
            .beside(beside(&floor))
            .goal(Goal::AtMost(48.0 * 1024.0, Unit::KiB), Some(&mqtt.1)),
        Row::new("allocations, WebSocket", websocket.2).beside(beside(&floor_ws)),
        Row::new("allocations, the platform's trust store, MQTT", platform.2)
            .then("2561, 2150 KiB")
            .beside(beside(&floor)),
    ]
}
