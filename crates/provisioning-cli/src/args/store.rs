//! Keeping what the service said.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping")]
pub(crate) struct Keeping {
    /// Keep the assignment in this file, and use the kept one next time
    ///
    /// What is kept answers for the same device in the same id scope: then the service is not asked. It is asked for
    /// another device, whose assignment replaces what was kept, for a certificate, and with --force.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,

    /// Ask the service although an assignment is kept
    #[arg(long, requires = "store")]
    pub(crate) force: bool,
}
