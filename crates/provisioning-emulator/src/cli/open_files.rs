//! The limit of open files: each connection is one.

/// Raises the limit as far as possible. Returns advice if it is still low.
#[cfg(unix)]
pub(crate) fn raise_limit() -> Option<String> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// Enough for a thousand devices, with room.
    const ENOUGH: u64 = 2048;
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit);
    // Without a number there is no limit.
    let now = if raised.is_ok() { limit.maximum } else { before }?;
    (now < ENOUGH).then(|| {
        format!(
            "at most {now} files can be open, a connection being one; \
             for more devices raise the limit before the start (`ulimit -n`)"
        )
    })
}

/// There is no such limit on this system.
#[cfg(not(unix))]
pub(crate) fn raise_limit() -> Option<String> {
    None
}
