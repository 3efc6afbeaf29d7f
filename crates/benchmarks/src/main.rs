//! Measures, and prints the table of docs/performance.md.

mod driver;

use std::process::ExitCode;

use clap::Parser;

/// Measures what a registration costs, and prints a table: each row has the goal, and whether it is met.
///
/// Exit codes: 0 measured, whatever the figures are; 1 something could not be measured; 2 wrong arguments.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Measure the Node and Python SDKs too
    #[arg(long)]
    peers: bool,
    /// How often each figure is measured, in turn with the others
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

fn main() -> ExitCode {
    match driver::run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
