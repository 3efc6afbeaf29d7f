//! The file in which `dps register --store` keeps an assignment.

use std::{fs, io, path::Path};

use provisioning_device::{InvalidInput, StoredAssignment};

use super::files;

/// What the file contains, for messages.
pub(crate) const WHAT: &str = "stored assignment";

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<StoredAssignment, InvalidInput> {
    parse(path, &files::read(WHAT, path)?)
}

/// Reads the file if it exists.
pub(crate) fn read_if_present(path: &Path) -> Result<Option<StoredAssignment>, InvalidInput> {
    match fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(files::unreadable(WHAT, path, &error)),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<StoredAssignment, InvalidInput> {
    serde_json::from_slice(bytes).map_err(|error| {
        let expected = format!("what `dps register --store` wrote ({error})");
        InvalidInput::new(WHAT, expected).found_in(path.display())
    })
}
