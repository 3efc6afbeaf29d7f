//! `--local` in a build without the cargo feature `local`: refuses.

use super::{assigned::Assigned, flags::Register, saved_files::SavedFiles};
use crate::{input::options::Options, output::failure::Failure};

pub(crate) fn register(_: &Register, _: &Options<'_>, _: SavedFiles) -> Result<Assigned, Failure> {
    Err(Failure::no_local_dps("--local"))
}
