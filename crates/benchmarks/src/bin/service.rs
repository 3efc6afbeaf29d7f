//! The local DPS that everything registers with.

fn main() -> benchmarks::Result<()> {
    benchmarks::service::run()
}
