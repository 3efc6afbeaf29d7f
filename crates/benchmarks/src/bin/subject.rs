//! Registers as it is told, with the system's allocator.

fn main() -> benchmarks::Result<()> {
    benchmarks::subject::run(None)
}
