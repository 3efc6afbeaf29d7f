//! The file in which `dps register --store` keeps an assignment.

use std::path::Path;

use provisioning_device::{InputFile, InvalidInput, StoredAssignment, StoredError};

/// What the file contains, for messages.
pub(crate) const WHAT: &str = "stored assignment";

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<StoredAssignment, InvalidInput> {
    StoredAssignment::from_json(InputFile::new(path).read(WHAT)?.expose()).map_err(|error| invalid(path, &error))
}

/// The error of a file with other content.
pub(crate) fn invalid(path: &Path, error: &StoredError) -> InvalidInput {
    let expected = format!("a file that `dps register --store` wrote; {error}");
    InvalidInput::new(WHAT, expected).found_in(path.display())
}
