//! The runtime of the commands that connect to the service.

use tokio::runtime::Builder;

use crate::output::failure::Failure;

/// Runs `future` on this thread: one registration needs no other, and a device may have a single core.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local(&error))?;
    let output = runtime.block_on(future);
    // Do not wait for anything that still blocks one of its threads.
    runtime.shutdown_background();
    Ok(output)
}
