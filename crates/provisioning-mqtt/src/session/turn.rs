//! Whose turn it is to send CONNECT.
//!
//! A service ends the older of two connections with the same client id. If it reads the CONNECT of a caller that is gone
//! after that of the next connection, it ends the newer one. So a handshake that is abandoned after its CONNECT was sent
//! is completed in the background, and the next one with that client id waits for its turn. One that lost its place to a
//! later one, as a cancelled call can whose thread was not running when the next began, does not send CONNECT at all.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use provisioning_types::{ErrorKind, TransportError};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::timeout,
};

/// How long a handshake waits for its turn: as long as the service may take to answer one that was abandoned.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);

/// The turns of the client ids that are connecting.
#[derive(Debug, Default)]
pub(super) struct Turns {
    places: AtomicU64,
    of: Mutex<HashMap<String, Weak<Turn>>>,
}

/// Whose turn it is among the connections of one client id.
#[derive(Debug, Default)]
struct Turn {
    lock: Arc<AsyncMutex<()>>,
    /// The number of the latest connection that sends CONNECT or has sent it.
    latest: AtomicU64,
}

/// The place of a connection among those of its client id, from the first step of connecting. Its turn is over when it is
/// dropped.
pub(super) struct Place {
    number: u64,
    turn: Arc<Turn>,
    lock: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// The place after all that were given before.
    pub(super) fn place(&self, client_id: &str) -> Place {
        let turn = self.of(client_id);
        let number = self.places.fetch_add(1, Ordering::Relaxed) + 1;
        let lock = None;
        Place { number, turn, lock }
    }

    fn of(&self, client_id: &str) -> Arc<Turn> {
        // Nothing panics while it is locked.
        let mut turns = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        turns.get(client_id).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(client_id.to_owned(), Arc::downgrade(&turn));
            turn
        })
    }
}

impl Place {
    /// Waits for the turn. A handshake that takes too long to leave loses its turn.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when a later connection of the client id had its turn.
    pub(super) async fn take(&mut self) -> Result<(), TransportError> {
        let lock = Arc::clone(&self.turn.lock).lock_owned();
        self.lock = timeout(TURN_TIMEOUT, lock).await.ok();
        if self.turn.latest.fetch_max(self.number, Ordering::AcqRel) > self.number {
            let message = "a later connection of the same client id replaced this one";
            return Err(TransportError::new(ErrorKind::Cancelled, message));
        }
        Ok(())
    }
}
