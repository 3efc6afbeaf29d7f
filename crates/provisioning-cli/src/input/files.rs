//! Files that flags name.

use std::{fs, io, path::Path};

use provisioning_device::InvalidInput;

/// The content of a file that contains `what`.
pub(crate) fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, InvalidInput> {
    fs::read(file).map_err(|error| unreadable(what, file, &error))
}

/// The text of a file that contains `what`.
pub(crate) fn read_text(what: &'static str, file: &Path) -> Result<String, InvalidInput> {
    fs::read_to_string(file).map_err(|error| unreadable(what, file, &error))
}

/// A file cannot be read.
pub(crate) fn unreadable(what: &'static str, file: &Path, error: &io::Error) -> InvalidInput {
    InvalidInput::new(what, format!("a readable file ({error})")).found_in(file.display())
}
