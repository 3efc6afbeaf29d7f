//! A folder for the files of one test.

use std::fs;

use tempfile::TempDir;

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Files(TempDir);

impl Files {
    /// Makes an empty folder.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// Returns the path of a file of this name, whether or not the file exists.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file, or overwrites it, and returns its path. On Unix its mode is 0600.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a writable folder");
        #[cfg(unix)]
        self.set_mode(name, 0o600);
        path
    }

    /// Sets the mode of a file.
    #[cfg(unix)]
    pub fn set_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;

        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("a file of this user");
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }
}
