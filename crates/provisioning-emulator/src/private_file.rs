//! Files with keys, or with what devices send: they have mode 0600 on Unix.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::input::{read_file, read_opened};

/// Opens a file. If it is created, it has mode 0600 on Unix; a regular file that exists with a wider mode is restricted to
/// its owner.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    restrict(&file)?;
    Ok(file)
}

/// Reads a file with a key, which is restricted as by [`open`]. The limits are those of [`read_file`].
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(path)?.is_file() {
        true => read_opened(open(File::options().read(true), path)?),
        // Opening a pipe can block.
        false => read_file(path),
    }
}

/// Replaces a file in one step: a reader, and a start after the process was killed, find the file before or after.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    create_unfinished(path)?.write_all(text.as_bytes())?;
    fs::rename(unfinished(path), path)
}

/// Creates the file that is renamed to `path` when it is complete. It replaces one that was not completed.
pub(crate) fn create_unfinished(path: &Path) -> io::Result<File> {
    let path = unfinished(path);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A link that appears in the meantime is not followed.
    open(File::options().write(true).create_new(true), &path)
}

/// The name of a file while it is written.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".tmp");
    name.into()
}

/// Restricts a regular file to its owner. The handle is used, as a path could lead to another file by now.
#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = file.metadata()?;
    let mode = found.permissions().mode() & 0o777;
    if !found.is_file() || mode & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(mode & 0o600))
        .map_err(|error| {
            let message = format!(
                "it has mode {mode:o}, which cannot be restricted ({error}); run `chmod 600` on it as its owner, or remove it"
            );
            io::Error::new(error.kind(), message)
        })
}

/// Modes are those of Unix.
#[cfg(not(unix))]
fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}
