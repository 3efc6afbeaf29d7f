//! Files that are written in one step: a reader sees the previous content or all of the new one.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use provisioning_device::InvalidInput;
use tempfile::{Builder, NamedTempFile, PersistError};

/// A file that is going to be written.
pub(crate) struct AtomicFile {
    what: &'static str,
    path: PathBuf,
    temporary: NamedTempFile,
}

/// Who may read a file, on Unix. On other systems its folder decides.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    Owner,
    /// Everyone, as far as the umask allows.
    Everyone,
}

impl AtomicFile {
    /// Checks that the file can be written, and writes nothing yet.
    ///
    /// # Errors
    /// Names the file, and `what` it contains.
    pub(crate) fn new(what: &'static str, path: &Path, readers: Readers) -> Result<Self, InvalidInput> {
        let unusable = |expected: String| InvalidInput::new(what, expected).found_in(path.display());
        if path.is_dir() || path.file_name().is_none() {
            return Err(unusable("the name of a file".to_owned()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let temporary = builder(readers)
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(|error| unusable(format!("a folder that can be written to ({error})")))?;
        Ok(Self {
            what,
            path: path.to_owned(),
            temporary,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file, and replaces an existing one.
    pub(crate) fn replace(self, bytes: &[u8]) -> Result<(), InvalidInput> {
        self.write(bytes, |file, path| file.persist(path))
    }

    /// Writes the file unless it exists.
    pub(crate) fn create(self, bytes: &[u8]) -> Result<(), InvalidInput> {
        self.write(bytes, |file, path| file.persist_noclobber(path))
    }

    fn write(mut self, bytes: &[u8], persist: Persist) -> Result<(), InvalidInput> {
        let mut fill = || {
            self.temporary.write_all(bytes)?;
            // Otherwise the renamed file may be empty after a power cut.
            self.temporary.as_file().sync_all()
        };
        let written = fill().and_then(|()| Ok(persist(self.temporary, &self.path)?));
        written.map(drop).map_err(|error| {
            let expected = format!("a file that can be written ({error})");
            InvalidInput::new(self.what, expected).found_in(self.path.display())
        })
    }
}

/// Renames a temporary file.
type Persist = fn(NamedTempFile, &Path) -> Result<File, PersistError>;

#[cfg(unix)]
fn builder(readers: Readers) -> Builder<'static, 'static> {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    let mut builder = Builder::new();
    builder.permissions(Permissions::from_mode(match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    }));
    builder
}

#[cfg(not(unix))]
fn builder(_: Readers) -> Builder<'static, 'static> {
    Builder::new()
}
