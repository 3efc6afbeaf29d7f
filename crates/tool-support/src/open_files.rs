//! The limit of open files: each connection is one.

use std::io;

/// Raises the limit of this process as far as possible, and returns it; `None` if there is no limit.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub fn raise_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.maximum)
}

/// There is no such limit.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn raise_limit() -> io::Result<Option<u64>> {
    Ok(None)
}
