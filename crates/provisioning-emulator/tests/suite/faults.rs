//! Faults on the wire: their effects at each step, their devices, and their counts.

mod answers;
mod chaos;
mod layers;
mod packets;
mod words;

use std::time::Duration;

use provisioning_emulator::{Builder, Effect, Emulator, Fault, Step};
use tokio::time::Instant;

use crate::support::builder;

/// An emulator with one fault.
fn with(effect: Effect, step: Step) -> Emulator {
    started(builder().fault(fault(effect, step)))
}

fn started(builder: Builder) -> Emulator {
    builder.start_in_memory().expect("an emulator")
}

fn fault(effect: Effect, step: Step) -> Fault {
    Fault::new(effect, step).expect("a fault")
}

/// Whole seconds of tokio's time that `work` takes, and what it returns.
async fn timed<T>(work: impl Future<Output = T>) -> (u64, T) {
    let start = Instant::now();
    let value = work.await;
    ((start.elapsed() + Duration::from_millis(500)).as_secs(), value)
}
