//! Flags of what is printed.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print one JSON object on standard output, for an error too; --help and --version stay text
    #[arg(long, global = true)]
    json: bool,

    /// Write a log to standard error, with -vv a more detailed one; RUST_LOG overrides this
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}
