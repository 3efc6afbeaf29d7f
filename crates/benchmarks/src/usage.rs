//! What this process has used.

use std::time::Duration;

use tool_support::process_status;

use crate::Result;

/// CPU time and memory of the children of this process that have ended.
#[derive(Debug, Clone, Copy)]
pub struct OfChildren {
    /// CPU time of all of them.
    pub cpu: Duration,
    /// The most that one of them had resident, in bytes.
    pub peak: usize,
}

/// CPU time of this process, all threads, in the program and in the system.
///
/// # Errors
/// `getrusage` failed.
#[cfg(unix)]
pub fn cpu() -> Result<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    cpu_of(&getrusage(UsageWho::RUSAGE_SELF)?)
}

/// What the children of this process have used.
///
/// # Errors
/// `getrusage` failed.
#[cfg(unix)]
pub fn of_children() -> Result<OfChildren> {
    use nix::sys::resource::{UsageWho, getrusage};
    // Apple's systems count bytes, the others KiB.
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(OfChildren {
        cpu: cpu_of(&usage)?,
        peak: usize::try_from(usage.max_rss())? * unit,
    })
}

#[cfg(unix)]
fn cpu_of(usage: &nix::sys::resource::Usage) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for time in [usage.user_time(), usage.system_time()] {
        let seconds = Duration::from_secs(time.tv_sec().try_into()?);
        sum += seconds + Duration::from_micros(time.tv_usec().try_into()?);
    }
    Ok(sum)
}

/// CPU time of this process.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn cpu() -> Result<Duration> {
    Err("CPU time is measured on Unix only".into())
}

/// What the children of this process have used.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn of_children() -> Result<OfChildren> {
    Err("CPU time is measured on Unix only".into())
}

/// Resident memory of this process in bytes.
///
/// # Errors
/// The system is not Linux.
pub fn resident() -> Result<usize> {
    let status = process_status::read(None);
    let status = status.map_err(|_| "resident memory is measured on Linux only")?;
    Ok(process_status::resident(&status)?.try_into()?)
}
