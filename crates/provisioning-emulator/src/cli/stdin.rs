//! The end of standard input, which ends the command for a program that started it and keeps a pipe to it.

use std::{
    future::pending,
    io::{copy, sink, stdin},
    thread,
};

use tokio::sync::oneshot;

use crate::error::EmulatorError;

/// Completes when standard input ends or cannot be read; never if it does not count. Reads in a thread, which ends with
/// the process: a read cannot be cancelled.
pub(super) fn end(counts: bool) -> Result<impl Future<Output = ()>, EmulatorError> {
    let (sender, ended) = oneshot::channel::<()>();
    if counts {
        let read = move || {
            // An error is an end, too.
            let _ = copy(&mut stdin(), &mut sink());
            drop(sender);
        };
        let thread = thread::Builder::new().name("dps-emulator-stdin".to_owned());
        thread.spawn(read).map_err(|source| EmulatorError::Stdin { source })?;
    }
    Ok(async move {
        match counts {
            true => drop(ended.await),
            false => pending().await,
        }
    })
}
