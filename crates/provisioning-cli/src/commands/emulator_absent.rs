//! `dps emulator` in a build without the cargo feature `local`: refuses.

use std::ffi::OsString;

use crate::output::failure::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// This build of dps has no local DPS: use one with the cargo feature `local`, which is enabled by default
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<OsString>,
}

/// There is nothing to show.
pub(crate) fn examples() -> &'static str {
    ""
}

pub(crate) fn run(_: Args) -> Result<(), Failure> {
    Err(Failure::no_local_dps("dps emulator"))
}
