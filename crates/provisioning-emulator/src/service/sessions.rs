//! The MQTT connections of devices, and what ends them.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// The connections of devices.
#[derive(Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
    /// Counts the connections that have not ended, also those that `state` does not have any more.
    open: TaskTracker,
    /// Held while all are closed: one caller after the other.
    closing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The connections of each device by their numbers; devices by registration id in lower case.
    by_device: BTreeMap<String, BTreeMap<u64, watch::Sender<Option<&'static str>>>>,
    /// Why connections end at once, while all are closed.
    closed: Option<&'static str>,
}

/// The connection's end of a session: it says when and why the connection is to end. It is dropped when the connection
/// has ended.
pub(crate) struct SessionEnd {
    reason: watch::Receiver<Option<&'static str>>,
    _open: TaskTrackerToken,
}

/// All connections have ended, and new ones end at once until it is dropped.
pub(super) struct AllClosed<'a> {
    sessions: &'a Sessions,
    _closing: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for AllClosed<'_> {
    fn drop(&mut self) {
        self.sessions.state().closed = None;
    }
}

impl SessionEnd {
    /// Waits until the connection is to end, and returns the reason.
    pub(crate) async fn ended(&mut self) -> &'static str {
        let reason = self.reason.wait_for(Option::is_some).await.map(|reason| *reason);
        match reason {
            Ok(reason) => reason.unwrap_or_default(),
            // Nothing ends a session that was removed.
            Err(_) => pending().await,
        }
    }
}

impl Sessions {
    /// Records a connection of a device, and ends its other connections, except those to keep.
    pub(super) fn begin(&self, registration_id: &str, connection: u64, kept: &[u64]) -> SessionEnd {
        let mut state = self.state();
        let (end, reason) = watch::channel(state.closed);
        let of_device = state.by_device.entry(registration_id.to_ascii_lowercase()).or_default();
        of_device.retain(|other, end| {
            let is_kept = kept.contains(other);
            if !is_kept {
                end.send_replace(Some(
                    "the device has a newer connection, and there is one for each registration id",
                ));
            }
            is_kept
        });
        of_device.insert(connection, end);
        SessionEnd {
            reason,
            _open: self.open.token(),
        }
    }

    /// Records the end of a connection of a device.
    pub(super) fn end(&self, registration_id: &str, connection: u64) {
        let sessions = &mut self.state().by_device;
        let key = registration_id.to_ascii_lowercase();
        if let Some(of_device) = sessions.get_mut(&key) {
            of_device.remove(&connection);
            if of_device.is_empty() {
                sessions.remove(&key);
            }
        }
    }

    /// Ends all connections for this reason, also those that begin in the meantime, and waits until they have ended.
    pub(super) async fn close_all(&self, reason: &'static str) -> AllClosed<'_> {
        let closing = self.closing.lock().await;
        let all_closed = AllClosed {
            sessions: self,
            _closing: closing,
        };
        {
            let mut state = self.state();
            state.closed = Some(reason);
            let open = state.by_device.values().flat_map(BTreeMap::values);
            for end in open {
                end.send_replace(Some(reason));
            }
        }
        self.open.close();
        self.open.wait().await;
        all_closed
    }

    /// Whether one of these connections of a device is open.
    pub(super) fn has_any(&self, registration_id: &str, mut connections: impl Iterator<Item = u64>) -> bool {
        let state = self.state();
        let open = state.by_device.get(&registration_id.to_ascii_lowercase());
        open.is_some_and(|open| connections.any(|connection| open.contains_key(&connection)))
    }

    /// At most `limit` of the devices, each with the number of its latest connection.
    pub(super) fn latest(&self, limit: usize) -> Vec<(String, u64)> {
        let state = self.state();
        let latest = state.by_device.iter().filter_map(|(id, of_device)| {
            let (number, _) = of_device.last_key_value()?;
            Some((id.clone(), *number))
        });
        latest.take(limit).collect()
    }

    /// How many devices there are.
    pub(super) fn count(&self) -> usize {
        self.state().by_device.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
