//! Files that flags name.

use std::path::Path;

use provisioning_device::{InvalidInput, read_input_file};

/// The text of a file that contains `what`.
pub(crate) fn read_text(what: &'static str, file: &Path) -> Result<String, InvalidInput> {
    let text = String::from_utf8(read_input_file(what, file)?);
    text.map_err(|_| InvalidInput::new(what, "text in UTF-8").found_in(file.display()))
}
