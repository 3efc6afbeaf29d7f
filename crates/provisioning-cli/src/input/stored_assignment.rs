//! The file in which `dps register --store` keeps an assignment.

use std::{fs, io, path::Path};

use provisioning_device::{InputFile, InvalidInput, StoredAssignment};

/// What the file contains, for messages.
pub(crate) const WHAT: &str = "stored assignment";

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<StoredAssignment, InvalidInput> {
    parse(path, InputFile::new(path).read(WHAT)?.expose())
}

/// Reads the file if it exists.
pub(crate) fn read_if_present(path: &Path) -> Result<Option<StoredAssignment>, InvalidInput> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(path).map(Some),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<StoredAssignment, InvalidInput> {
    serde_json::from_slice(bytes).map_err(|error| {
        let expected = format!("what `dps register --store` wrote ({error})");
        InvalidInput::new(WHAT, expected).found_in(path.display())
    })
}
