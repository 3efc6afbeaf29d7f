//! The words of `dps hub`.

use std::path::PathBuf;

use clap::Args;

use super::{Identity, Output};

#[derive(Debug, Args)]
pub(crate) struct Hub {
    /// The file in which `dps register --store` kept the assignment
    #[arg(long, value_name = "FILE")]
    pub(crate) store: PathBuf,

    #[command(flatten)]
    pub(crate) identity: Identity,

    #[command(flatten)]
    pub(crate) output: Output,
}
