//! Many registrations at once, in one process: memory of each.

use std::{thread::sleep, time::Duration};

use benchmarks::{
    Result,
    task::{Facts, Memory, ServiceSettings, Side, Task, Transport},
};

use super::{
    Bench,
    figure::{Figure, Unit},
    process::Process,
    table::{Goal, Row},
    task,
};

const DEVICES: u32 = 2000;

/// What is measured, in this order.
const SUBJECTS: [(Side, Transport); 4] = [
    (Side::Client, Transport::Mqtt),
    (Side::Client, Transport::WebSocket),
    (Side::Floor, Transport::Mqtt),
    (Side::Floor, Transport::WebSocket),
];

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let mut memories: [Vec<Memory>; 4] = Default::default();
    // Memory hardly varies.
    for _ in 0..bench.arguments.rounds.min(3) {
        for ((side, transport), memories) in SUBJECTS.into_iter().zip(&mut memories) {
            memories.push(of_one(bench, side, transport)?);
        }
    }
    let [mqtt, websocket, floor, floor_ws] = memories;
    let in_flight = |memories: &[Memory]| Figure::of(memories.iter().map(|memory| memory.in_flight));
    let row = |what, (figure, floor): (Figure, Figure), then, limit: f64| {
        Row::new(what, figure.show(Unit::KiB))
            .then(then)
            .beside(format!("floor {}", floor.show(Unit::KiB)))
            .goal(Goal::AtMost(limit * 1024.0, Unit::KiB), Some(&figure))
    };
    let idle = Figure::of(mqtt.iter().map(|memory| memory.idle));
    Ok(vec![
        row(
            "2,000 at once: memory of one in flight, MQTT",
            (in_flight(&mqtt), in_flight(&floor)),
            "41 KiB",
            32.0,
        ),
        row(
            "2,000 at once: memory of one in flight, WebSocket",
            (in_flight(&websocket), in_flight(&floor_ws)),
            "60 KiB",
            48.0,
        ),
        Row::new("2,000 idle clients: memory of one", idle.show(Unit::KiB))
            .then("12 KiB")
            .goal(Goal::AtMost(2.0 * 1024.0, Unit::KiB), Some(&idle)),
    ])
}

/// Starts all registrations with a service of their own, waits until all of them wait, and asks for the memory.
fn of_one(bench: &Bench<'_>, side: Side, transport: Transport) -> Result<Memory> {
    let settings = ServiceSettings {
        keep_waiting: true,
        ..bench.settings()
    };
    let (mut service, facts) = bench.service_with(&settings)?;
    let task = Task {
        together: Some(DEVICES),
        // A name would be looked up by each of them at the same time, in threads.
        facts: Facts {
            mqtt: facts.mqtt.replace("localhost", "127.0.0.1"),
            websocket: facts.websocket.replace("localhost", "127.0.0.1"),
            ..facts.clone()
        },
        ..task(&facts, side, transport)
    };
    let mut subject = Process::start(&bench.programs.subject, &task)?;
    let mut unchanged = 0;
    let mut waiting = 0;
    while waiting < DEVICES {
        pause();
        let now = service.ask("waiting")?;
        unchanged = if now == waiting { unchanged + 1 } else { 0 };
        waiting = now;
        if unchanged == 600 {
            return Err(format!("only {waiting} of {DEVICES} registrations are in flight (see above)").into());
        }
    }
    // The last responses are on their way.
    pause();
    subject.ask("now")
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime here that it could block")]
fn pause() {
    sleep(Duration::from_millis(100));
}
