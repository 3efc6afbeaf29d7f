//! `dps emulator`: runs a local DPS until Ctrl-C or SIGTERM, with the flags of `dps-emulator`.

use std::thread;

use provisioning_device::{ErrorKind, error_message};
use provisioning_emulator::cli;
use tokio::runtime::Runtime;

use crate::output::failure::Failure;

pub(crate) use cli::Args;

/// The end of the help.
pub(crate) fn examples() -> String {
    cli::examples("dps emulator")
}

/// Runs until a signal ends it. The runtime has several threads, for many devices at the same time.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    // The runtime panics if the system has no thread for it.
    let spare = thread::Builder::new().spawn(|| {}).map(thread::JoinHandle::join);
    let runtime = spare
        .and_then(|_| Runtime::new())
        .map_err(|error| Failure::local(&error))?;
    runtime.block_on(cli::run(args)).map_err(|error| {
        let kind = match error.is_mistake() {
            true => ErrorKind::Input,
            false => ErrorKind::Local,
        };
        Failure::new(kind, error_message(&error))
    })
}
