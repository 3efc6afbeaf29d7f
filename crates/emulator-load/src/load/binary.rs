//! Where the emulator's binary is.

use std::{env, path::PathBuf};

use super::Result;

/// The `dps-emulator` beside this program: cargo puts both into one folder.
///
/// # Errors
/// It is not there.
pub(super) fn beside_this_program() -> Result<PathBuf> {
    let binary = env::current_exe()?.with_file_name("dps-emulator");
    if binary.is_file() {
        return Ok(binary);
    }
    let release = if cfg!(debug_assertions) { "" } else { "--release " };
    Err(format!(
        "{} is missing; build it with `cargo build {release}-p provisioning-emulator --bin dps-emulator`, \
         or name another with --emulator",
        binary.display()
    )
    .into())
}
