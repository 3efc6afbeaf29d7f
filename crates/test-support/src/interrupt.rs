//! Ctrl-C for a child process.
#![cfg(unix)]

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

/// Sends SIGINT to a child that runs.
pub fn interrupt(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(id.expect("the child runs"), Signal::INT).expect("a signal");
}
