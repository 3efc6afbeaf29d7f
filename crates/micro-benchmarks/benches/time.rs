//! Measures time. `cargo bench -p micro-benchmarks --features time --bench time`

mod workloads;

use std::hint::black_box;

use criterion::{BatchSize, Criterion};

use crate::workloads::{Echo, InMemory};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("topic", |bench| {
        bench.iter(|| workloads::topic(black_box(workloads::TOPIC)));
    });
    criterion.bench_function("response", |bench| {
        bench.iter(|| workloads::response(black_box(workloads::ASSIGNED)));
    });
    criterion.bench_function("machine", |bench| {
        bench.iter_batched(workloads::inputs, workloads::machine, BatchSize::SmallInput);
    });
    let client = InMemory::warm();
    criterion.bench_function("registration", |bench| bench.iter(|| client.register()));
    let mut echo = Echo::open();
    criterion.bench_function("websocket", |bench| bench.iter(|| echo.exchange()));
    criterion.final_summary();
}
