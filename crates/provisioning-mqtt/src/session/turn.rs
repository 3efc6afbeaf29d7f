//! Whose turn it is to send CONNECT.
//!
//! A service ends the older of two connections with the same client id. If it reads the CONNECT of a caller that is gone
//! after that of the next connection, it ends the newer one. So a handshake that is abandoned after its CONNECT was sent
//! is completed in the background, and the next one with that client id waits for its turn. A handshake that a later one
//! overtook, as happens to a cancelled call whose thread did not run meanwhile, does not send CONNECT at all.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use provisioning_types::{ErrorKind, TransportError};
use tokio::{sync::Semaphore, time::timeout};

/// How long a handshake waits for its turn: as long as the service may take to answer one that was abandoned.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);

/// Orders the connections of each client id.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// How many places were given.
    given: AtomicUsize,
    by_client_id: Mutex<HashMap<String, Weak<Queue>>>,
}

/// The connections of one client id, of which one at a time has its turn.
#[derive(Debug)]
struct Queue {
    /// One permit: the connection that has it sends CONNECT.
    turn: Semaphore,
    /// The number of the latest connection that sends CONNECT or has sent it.
    latest: AtomicUsize,
}

/// The place of a connection in the queue of its client id, from the first step of connecting. Dropping it ends its turn.
pub(super) struct QueuePlace {
    number: usize,
    queue: Arc<Queue>,
    has_turn: bool,
}

impl Turns {
    /// The place after all that were given before.
    pub(super) fn join_queue(&self, client_id: &str) -> QueuePlace {
        let queue = self.queue(client_id);
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let has_turn = false;
        QueuePlace {
            number,
            queue,
            has_turn,
        }
    }

    fn queue(&self, client_id: &str) -> Arc<Queue> {
        // Nothing panics while it is locked.
        let mut queues = self.by_client_id.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| queue.strong_count() > 0);
        queues.get(client_id).and_then(Weak::upgrade).unwrap_or_else(|| {
            let queue = Arc::new(Queue {
                turn: Semaphore::new(1),
                latest: AtomicUsize::default(),
            });
            queues.insert(client_id.to_owned(), Arc::downgrade(&queue));
            queue
        })
    }
}

impl QueuePlace {
    /// Waits for the turn. A handshake that does not end its turn in time loses it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when a later connection of the client id had its turn.
    pub(super) async fn wait_for_turn(&mut self) -> Result<(), TransportError> {
        if let Ok(Ok(turn)) = timeout(TURN_TIMEOUT, self.queue.turn.acquire()).await {
            // Given back when the place is dropped.
            turn.forget();
            self.has_turn = true;
        }
        if self.queue.latest.fetch_max(self.number, Ordering::AcqRel) > self.number {
            let message = "a later connection of the same client id replaced this one";
            return Err(TransportError::new(ErrorKind::Cancelled, message));
        }
        Ok(())
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        if self.has_turn {
            self.queue.turn.add_permits(1);
        }
    }
}
