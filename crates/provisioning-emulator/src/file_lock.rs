//! Locks of files and folders between processes, where the file system has them.

use std::fs::File;

/// A lock. It ends with this value, or with the process.
pub(crate) struct FileLock(File);

/// Another process has the lock.
#[derive(Debug)]
pub(crate) struct Taken;

impl FileLock {
    /// Locks the file at once. A file system without locks, and a system other than Unix, locks nothing.
    pub(crate) fn take(file: File) -> Result<Self, Taken> {
        match is_free(&file) {
            true => Ok(Self(file)),
            false => Err(Taken),
        }
    }

    /// As [`take`](Self::take), but waits while another process has the lock.
    #[cfg(unix)]
    pub(crate) fn wait(file: File) -> Self {
        wait(&file);
        Self(file)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is starting shares it until it runs its program.
        unlock(&self.0);
    }
}

#[cfg(unix)]
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

#[cfg(unix)]
fn is_free(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
}

#[cfg(unix)]
fn wait(file: &File) {
    // Some file systems have no locks.
    let _ = flock(file, FlockOperation::LockExclusive);
}

#[cfg(unix)]
fn unlock(file: &File) {
    let _ = flock(file, FlockOperation::Unlock);
}

#[cfg(not(unix))]
fn is_free(_: &File) -> bool {
    true
}

#[cfg(not(unix))]
fn unlock(_: &File) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_value_even_if_another_process_shares_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let opened = || file.reopen().expect("opened");
        let first = opened();
        // As in a process that is being started.
        let shared = first.try_clone().expect("cloned");
        let lock = FileLock::take(first).expect("free");
        FileLock::take(opened()).err().expect("taken");
        drop(lock);
        drop(FileLock::take(opened()).expect("free again"));
        drop(FileLock::wait(opened()));
        drop(shared);
    }
}
