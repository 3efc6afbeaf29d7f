//! Files for their owner only, where the system has owners: with keys, or with what devices send.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use crate::error::EmulatorError;

/// Opens a file. If it is created, it is for its owner only.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Restricts an existing file to its owner. What is not a regular file is left as it is.
///
/// # Errors
/// [`EmulatorError::InvalidFile`] if its mode is wider and cannot be changed.
#[cfg(unix)]
pub(crate) fn restrict(path: &Path) -> Result<(), EmulatorError> {
    use std::os::unix::fs::PermissionsExt;
    let found = match fs::metadata(path) {
        Ok(found) if found.is_file() => found,
        // It is reported when it is read.
        _ => return Ok(()),
    };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o600)).map_err(|error| {
        EmulatorError::InvalidFile(format!(
            "{} has mode {mode:o}, and cannot be restricted to its owner ({error}); as its owner run `chmod 600` on it, or \
             remove it",
            path.display()
        ))
    })
}

/// There are no owners on this system.
#[cfg(not(unix))]
pub(crate) fn restrict(_: &Path) -> Result<(), EmulatorError> {
    Ok(())
}
