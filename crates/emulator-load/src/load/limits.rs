//! The limit of open files: each connection is one, here and in the emulator.

use tool_support::open_files;

use super::Result;

/// What the scenario with the most connections needs beside the idle devices.
const CONNECTIONS: usize = 10_000;

/// Raises the limit as far as possible.
///
/// # Errors
/// That is too low.
pub(super) fn raise_open_files(idle: usize) -> Result<()> {
    let limit = open_files::raise_limit()?;
    let needed = u64::try_from(CONNECTIONS + 2 * idle + 500)?;
    match limit {
        Some(most) if most < needed => Err(format!(
            "at most {most} files can be open, and {needed} are needed: raise the hard limit (`ulimit -Hn`)"
        )
        .into()),
        _ => Ok(()),
    }
}
