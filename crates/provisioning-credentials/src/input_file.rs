//! Reading an input from a file: what cannot be read or used is named together with the file.

use std::path::Path;

use provisioning_types::{InvalidInput, Secret};

/// The contents of `file`; `what` names them in the error.
pub(crate) fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, InvalidInput> {
    std::fs::read(file)
        .map_err(|error| InvalidInput::new(what, format!("a readable file ({error})")).found_in(file.display()))
}

/// What `parse` makes of the secret text in `file`; `what` names it in the error.
pub(crate) fn read_text<T>(
    what: &'static str,
    file: &Path,
    parse: impl Fn(&str) -> Result<T, InvalidInput>,
) -> Result<T, InvalidInput> {
    let bytes = Secret::new(read(what, file)?);
    let text = bytes
        .expose_str()
        .ok_or_else(|| InvalidInput::new(what, "text in UTF-8"));
    text.and_then(parse).map_err(|error| error.found_in(file.display()))
}
