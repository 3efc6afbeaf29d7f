//! Files that are written in one step: a reader sees the previous content or all of the new one.

use std::{
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf, is_separator},
};

use provisioning_device::InvalidInput;
use tempfile::{Builder, NamedTempFile, PersistError, tempfile_in};

/// A regular file that is going to be written. If the path is a link, the file that it leads to is written.
pub(crate) struct OutputFile {
    what: &'static str,
    path: PathBuf,
    target: PathBuf,
    readers: Readers,
}

/// Who may read a file, on Unix. On other systems its folder decides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    Owner,
    /// Everyone, as far as the umask allows, or as the mode of an existing file says.
    Everyone,
}

impl OutputFile {
    /// Checks that the file can be written, and writes nothing yet.
    ///
    /// # Errors
    /// Names the file, and `what` it contains.
    pub(crate) fn new(what: &'static str, path: &Path, readers: Readers) -> Result<Self, InvalidInput> {
        let invalid = |expected: String| invalid(what, path, expected);
        let (target, existing) = resolve(path).map_err(invalid)?;
        if existing.is_some() {
            let opened = OpenOptions::new().write(true).open(&target);
            opened.map_err(|error| invalid(writable(&error)))?;
        }
        // This file has no name, so the system removes it.
        tempfile_in(folder(&target)).map_err(|error| invalid(writable_folder(&error)))?;
        Ok(Self {
            what,
            path: path.to_owned(),
            target,
            readers,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path after links.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The error of an input that cannot be used for this file.
    pub(crate) fn invalid(&self, expected: String) -> InvalidInput {
        invalid(self.what, &self.path, expected)
    }

    /// Writes the file, and replaces an existing one.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<(), InvalidInput> {
        self.write(bytes, |file, path| file.persist(path))
    }

    /// Writes the file unless it exists.
    pub(crate) fn create(&self, bytes: &[u8]) -> Result<(), InvalidInput> {
        self.write(bytes, |file, path| file.persist_noclobber(path))
    }

    fn write(&self, bytes: &[u8], persist: Persist) -> Result<(), InvalidInput> {
        // Another process may have replaced the file since the check.
        let (target, existing) = resolve(&self.path).map_err(|expected| self.invalid(expected))?;
        let write = || -> io::Result<()> {
            let mut file = self.temporary_file(folder(&target), existing.as_ref())?;
            file.write_all(bytes)?;
            // Otherwise the renamed file may be empty after a power cut.
            file.as_file().sync_all()?;
            persist(file, &target)?;
            Ok(())
        };
        write().map_err(|error| self.invalid(writable(&error)))
    }

    /// A file that replaces `existing`, with its owner, as far as this user may give a file away, and its mode. On Unix
    /// the mode of a temporary file is 0600.
    fn temporary_file(&self, folder: &Path, existing: Option<&Metadata>) -> io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        #[cfg(unix)]
        if self.readers == Readers::Everyone {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o644));
        }
        let file = builder.tempfile_in(folder)?;
        if let Some(existing) = existing {
            #[cfg(unix)]
            {
                use std::os::unix::fs::{MetadataExt, fchown};
                let _ = fchown(&file, Some(existing.uid()), None);
                let _ = fchown(&file, None, Some(existing.gid()));
            }
            if self.readers == Readers::Everyone {
                file.as_file().set_permissions(existing.permissions())?;
            }
        }
        Ok(file)
    }
}

/// Renames a temporary file.
type Persist = fn(NamedTempFile, &Path) -> Result<File, PersistError>;

/// The path after links, and what is there; or what was expected instead.
fn resolve(path: &Path) -> Result<(PathBuf, Option<Metadata>), String> {
    let existing = match fs::metadata(path) {
        Ok(existing) if existing.is_file() => Some(existing),
        Ok(existing) => return Err(format!("a regular file, not a {}", name_of(existing.file_type()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(writable(&error)),
    };
    let mut target = path.to_owned();
    while let Ok(next) = fs::read_link(&target) {
        target = folder(&target).join(next);
    }
    let name = target
        .file_name()
        .filter(|_| !target.to_string_lossy().ends_with(is_separator));
    let name = name.ok_or("the name of a file")?;
    let folder = folder(&target)
        .canonicalize()
        .map_err(|error| writable_folder(&error))?;
    Ok((folder.join(name), existing))
}

fn folder(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn invalid(what: &'static str, path: &Path, expected: String) -> InvalidInput {
    InvalidInput::new(what, expected).found_in(path.display())
}

fn writable(error: &io::Error) -> String {
    format!("a file that can be written ({error})")
}

fn writable_folder(error: &io::Error) -> String {
    format!("a folder that can be written to ({error})")
}

fn name_of(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "FIFO";
        }
        if file_type.is_socket() {
            return "socket";
        }
    }
    if file_type.is_dir() { "directory" } else { "device" }
}
