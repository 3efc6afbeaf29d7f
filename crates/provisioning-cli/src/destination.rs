//! Files that are written in one step.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use provisioning_device::InvalidInput;
use tempfile::{Builder, NamedTempFile};

/// A file to be: whoever reads it meanwhile sees what was there before, or all of the new.
pub(crate) struct Destination {
    path: PathBuf,
    temporary: NamedTempFile,
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    /// Its owner only.
    Owner,
    /// Whoever the process's umask lets.
    All,
}

impl Destination {
    /// Makes sure that the file can be written, and writes nothing yet.
    ///
    /// # Errors
    /// Names the file, and `what` it is for.
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
            path: path.to_owned(),
            temporary,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file, in place of the one that may be there.
    pub(crate) fn replace(mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill(bytes)?;
        self.temporary.persist(&self.path)?;
        Ok(())
    }

    /// Writes the file unless there is one.
    pub(crate) fn create(mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill(bytes)?;
        self.temporary.persist_noclobber(&self.path)?;
        Ok(())
    }

    fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.temporary.write_all(bytes)?;
        // What is renamed must not be found empty after a power cut.
        self.temporary.as_file().sync_all()
    }
}

#[cfg(unix)]
fn builder(readers: Readers) -> Builder<'static, 'static> {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    let mut builder = Builder::new();
    builder.permissions(Permissions::from_mode(match readers {
        Readers::Owner => 0o600,
        Readers::All => 0o644,
    }));
    builder
}

/// Elsewhere it is the folder that says who may read.
#[cfg(not(unix))]
fn builder(_: Readers) -> Builder<'static, 'static> {
    Builder::new()
}
