//! For programs without a runtime: the same calls, which block their thread.

use std::{future::Future, io, panic, thread};

use provisioning_client::RegisterError;
use provisioning_types::{Assignment, ErrorKind, TransportError};
use tokio::runtime;

use crate::client::ProvisioningDeviceClient;

impl ProvisioningDeviceClient {
    /// [`register`](Self::register) for programs without a runtime: blocks until the device is assigned, or is not.
    ///
    /// It works on a thread of its own, with a runtime of its own, so it may be called anywhere; within a runtime it
    /// blocks the thread that called it. It returns within the timeout of the registration, also if a signer, a source
    /// or a name lookup blocks its thread for longer.
    ///
    /// # Errors
    /// As `register`, and [`ErrorKind::Local`] when the system gives neither thread nor runtime.
    pub fn register_blocking(&self) -> Result<Assignment, RegisterError> {
        block_on(self.register()).unwrap_or_else(|error| Err(RegisterError::not_started(not_given(error))))
    }

    /// [`cancel`](Self::cancel) for programs without a runtime, called from another thread.
    ///
    /// # Errors
    /// As `cancel`, and [`ErrorKind::Local`] when the system gives neither thread nor runtime.
    pub fn cancel_blocking(&self) -> Result<(), TransportError> {
        block_on(self.cancel()).unwrap_or_else(|error| Err(not_given(error)))
    }
}

fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> io::Result<T> {
    let on_runtime = || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(work);
        // Does not wait for what a connector of the caller has left on its threads, such as a name lookup that hangs.
        runtime.shutdown_background();
        Ok(result)
    };
    thread::scope(|scope| {
        let name = "provisioning".to_owned();
        let thread = thread::Builder::new().name(name).spawn_scoped(scope, on_runtime)?;
        thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

fn not_given(error: io::Error) -> TransportError {
    TransportError::new(ErrorKind::Local, "the system gives no thread to connect on").with_source(error)
}
