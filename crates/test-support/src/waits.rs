//! What a connection waits for.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use provisioning_types::{ConnectionEvent, Waiting};

/// Records what is waited for, step by step. A clone has the same record.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<Vec<Waiting>>>);

impl Waits {
    /// Records the event if it is a wait.
    pub fn note(&self, event: ConnectionEvent) {
        if let ConnectionEvent::WaitingFor(waiting) = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
        }
    }

    /// The waits since the last call.
    pub fn new_ones(&self) -> Vec<Waiting> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
