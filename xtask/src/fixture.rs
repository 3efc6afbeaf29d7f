//! A folder of files for a test, gone when the test ends.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A folder of its own under the system's folder for temporary files.
pub(crate) struct TempTree(PathBuf);

impl TempTree {
    /// Writes these files, each given as its path and its text.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("xtask-{}-{number}", process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        Self(root)
    }

    /// Where the files are.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempTree {
    fn drop(&mut self) {
        // What is left over is in the temporary folder: nothing to fail a test for.
        let _ = fs::remove_dir_all(&self.0);
    }
}
