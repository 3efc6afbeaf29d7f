//! Round trips from the start of a registration to its result, as a slow network shows them.

use benchmarks::{
    Result,
    task::{Cost, Facts, Pipelining, Side, Task, Transport},
};

use super::{
    Bench,
    figure::{Figure, Unit},
    process::Process,
    relay::{ROUND_TRIP, Relay},
    table::{Goal, Row},
    task,
};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let (_service, facts) = bench.service()?;
    let relays = (Relay::start(&facts.mqtt)?, Relay::start(&facts.websocket)?);
    let facts = Facts {
        mqtt: relays.0.address(),
        websocket: relays.1.address(),
        ..facts
    };
    let mut rows = vec![];
    for (pipelining, mode) in Pipelining::ALL {
        let goals = match pipelining {
            Pipelining::Off => [5.0, 6.0],
            Pipelining::AfterConnack => [4.0, 5.0],
            Pipelining::Full => [3.0, 4.0],
        };
        let transports = [(Transport::Mqtt, "MQTT", "5"), (Transport::WebSocket, "WebSocket", "6")];
        for ((transport, name, then), goal) in transports.into_iter().zip(goals) {
            let task = Task {
                pipelining,
                ..task(&facts, Side::Client, transport)
            };
            let figure = round_trips(bench, &task)?;
            let floor = if transport == Transport::Mqtt {
                "floor 3"
            } else {
                "floor 4"
            };
            let row = Row::new(
                format!("round trips to the result, {name}, pipelining {mode}"),
                figure.show(Unit::Count),
            );
            // Before, there was no other mode.
            let row = match pipelining {
                Pipelining::Off => row.then(then),
                Pipelining::AfterConnack | Pipelining::Full => row,
            };
            let row = row.beside(floor);
            rows.push(row.goal(Goal::AtMost(goal, Unit::Count), Some(&figure)));
        }
    }
    Ok(rows)
}

fn round_trips(bench: &Bench<'_>, task: &Task) -> Result<Figure> {
    let mut subject = Process::start(&bench.programs.subject, task)?;
    let mut rounds = vec![];
    for _ in 0..bench.arguments.rounds.min(5) {
        let cost: Cost = subject.ask(1)?;
        // The relay cannot delay the handshake of TCP: one round trip more.
        rounds.push((cost.wall / ROUND_TRIP.as_secs_f64()).round() + 1.0);
    }
    Ok(Figure::of(rounds))
}
