//! The signals that end the command.

use crate::error::EmulatorError;

/// Installs the handlers at once. Completes with the first Ctrl-C or SIGTERM from then on.
#[cfg(unix)]
pub(super) fn stop() -> Result<impl Future<Output = ()>, EmulatorError> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |source| EmulatorError::Signals { source };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes with the first Ctrl-C.
#[cfg(not(unix))]
pub(super) fn stop() -> Result<impl Future<Output = ()>, EmulatorError> {
    Ok(async {
        // Without a handler the system ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
