//! The right of a request to be written, which its transport can revoke.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Lets one PUBLISH be written until it is revoked. Clones are the same permit.
///
/// A session hands bytes to its stream inside [`write`](Self::write) only, so once [`revoke`](Self::revoke) has
/// returned, no further byte of the packet is handed over, on any thread.
#[derive(Debug, Clone, Default)]
pub struct WritePermit(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    revoked: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_revoked: bool,
    written: Written,
}

/// How much of a packet has been handed to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Written {
    /// Nothing.
    #[default]
    Nothing,
    /// Some bytes, but not all.
    Part,
    /// The whole packet.
    All,
}

impl WritePermit {
    /// Calls `write`, which hands bytes over and returns how much of the packet has been by then. Does not call it, and
    /// returns `None`, if the permit is revoked. `write` must neither block nor use the permit.
    pub fn write<T>(&self, write: impl FnOnce() -> (T, Written)) -> Option<T> {
        let mut state = self.state();
        if state.is_revoked {
            return None;
        }
        let (result, written) = write();
        state.written = written;
        Some(result)
    }

    /// Revokes the permit. Returns how much of the packet has been handed over: the rest never is.
    pub fn revoke(&self) -> Written {
        let mut state = self.state();
        state.is_revoked = true;
        let written = state.written;
        drop(state);
        self.0.revoked.notify_waiters();
        written
    }

    /// Completes once the permit is revoked.
    pub(crate) async fn revoked(&self) {
        let mut revoked = pin!(self.0.revoked.notified());
        // From here on no notification is missed.
        revoked.as_mut().enable();
        if !self.is_revoked() {
            revoked.await;
        }
    }

    /// Whether the permit is revoked.
    pub fn is_revoked(&self) -> bool {
        self.state().is_revoked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent even if `write` panicked.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_permit_lets_nothing_more_be_written_and_says_how_much_was() {
        let permit = WritePermit::default();
        assert_eq!(permit.write(|| ("some", Written::Part)), Some("some"));
        assert!(!permit.is_revoked());
        assert_eq!(permit.clone().revoke(), Written::Part);
        assert_eq!(permit.write(|| ("rest", Written::All)), None);
        assert!(permit.is_revoked());
    }

    #[test]
    fn a_wait_for_the_revocation_is_woken_by_it_and_a_later_one_completes_at_once() {
        let permit = WritePermit::default();
        let mut waiting = tokio_test::task::spawn(permit.revoked());
        tokio_test::assert_pending!(waiting.poll());
        permit.revoke();
        assert!(waiting.is_woken());
        tokio_test::assert_ready!(waiting.poll());
        tokio_test::assert_ready!(tokio_test::task::spawn(permit.revoked()).poll());
    }
}
