//! `emulator-load`: measures the local DPS under load and abuse, over loopback.
//!
//! ```console
//! $ cargo build --release -p provisioning-emulator -p emulator-load
//! $ cargo run --release -p emulator-load
//! ```
//!
//! Each scenario starts a `dps-emulator` of its own on free ports, connects idle devices to it (1,000 over TLS and 1,000
//! over WebSocket, `--idle`), and measures what a device, a script or a browser beside a broken client gets. Afterwards the
//! descriptors, threads and memory of the emulator must be back where they began, and SIGTERM must end it. One table at the
//! end has a row for each figure, and the exit code is 1 if a row misses its limit. `--list` names the scenarios, `--only`
//! runs some of them. All scenarios take about ten minutes on two cores; the program itself shares them with the emulator.
//!
//! `--emulator FILE` measures another build. With `--before FILE` the scenario `registrations` also measures that one, in
//! turns with the first: registering must not have become slower, by more than the 10 % that two runs of one build may differ. Without it that is
//! not judged.
//!
//! How it measures:
//!
//! - A registration is a connection of its own: TCP, a full TLS handshake without resumption, CONNECT with a SAS token,
//!   SUBSCRIBE, the request, one query, DISCONNECT. The device asks at once and not after the `retry-after`: the load is the
//!   point, not the wait. 32 devices do this at a time.
//! - Control calls are sent at a fixed rate, whether or not the earlier ones have been answered. Their time counts from when
//!   they were due. A poller of the log has one call at a time.
//! - Memory is `VmRSS`. The log of the emulator keeps up to 8 MiB by design: it is cleared before the memory at the beginning
//!   and at the end is read, but not before the highest memory of a scenario is. Devices that a scenario needs are
//!   registered before its beginning.
//! - The rates and times of a busy machine are worse: the last row says how much of the CPUs other programs used. The
//!   CPU time of the emulator for one registration hardly depends on them.

#[cfg(target_os = "linux")]
mod load;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    load::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("error: emulator-load needs Linux: it reads the memory and descriptors of the emulator from /proc");
    std::process::ExitCode::from(2)
}
