//! Flags of what is printed.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print exactly one JSON object on standard output, also for an error; --help and --version stay text
    #[arg(long, global = true)]
    json: bool,

    /// Write a log to standard error; -vv for more; if RUST_LOG is set, it decides instead
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}
