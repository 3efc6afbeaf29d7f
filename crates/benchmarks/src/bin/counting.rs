//! Registers as it is told, and counts allocations.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> benchmarks::Result<()> {
    benchmarks::subject::run(Some(|| {
        let stats = ALLOCATOR.stats();
        (stats.allocations + stats.reallocations, stats.bytes_allocated)
    }))
}
