//! Reading an input from a file: what cannot be read or used is named together with the file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use provisioning_types::{InvalidInput, Secret};

/// The size of the largest file that is read. A device (`/dev/zero`) has no end.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Reads an input from a file of at most 16 MiB. `what` names the input in the error, such as `CA certificates`.
///
/// # Errors
/// [`InvalidInput`] naming the file: it cannot be read, or is larger.
pub fn read_input_file(what: &'static str, file: &Path) -> Result<Vec<u8>, InvalidInput> {
    let invalid = |expected: String| InvalidInput::new(what, expected).found_in(file.display());
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(file)?;
        // Room for all of it: a buffer that grows leaves copies of a secret behind.
        let size = file.metadata()?.len().min(MAX_SIZE);
        let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(0, |size| size + 1));
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 > MAX_SIZE => Err(invalid("a file of at most 16 MiB".to_owned())),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(invalid(format!("a readable file ({error})"))),
    }
}

/// What `parse` makes of the secret text in `file`; `what` names it in the error.
pub(crate) fn read_text<T>(
    what: &'static str,
    file: &Path,
    parse: impl Fn(&str) -> Result<T, InvalidInput>,
) -> Result<T, InvalidInput> {
    let bytes = Secret::new(read_input_file(what, file)?);
    let text = bytes
        .expose_str()
        .ok_or_else(|| InvalidInput::new(what, "text in UTF-8"));
    text.and_then(parse).map_err(|error| error.found_in(file.display()))
}
