//! What the tests share: an emulator with files for other programs, and the programs themselves.

mod build;
mod local_dps;
mod programs;

pub(crate) use self::{
    build::{build_program, without_package_variables},
    local_dps::{DEVICE, LocalDps, Log},
    programs::{Output, Running, free_port, installed},
};

use std::path::Path;

/// The folder below `target` where the tests keep files from run to run.
pub(crate) const CACHE_DIR: &str = env!("CARGO_TARGET_TMPDIR");

/// The folder with the scripts that other programs run.
pub(crate) fn scripts() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts"))
}
