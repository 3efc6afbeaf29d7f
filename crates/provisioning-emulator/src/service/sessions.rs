//! The MQTT connections of devices, and what ends them.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// The connections of each device by their numbers; devices by registration id in lower case.
type ByDevice = BTreeMap<String, BTreeMap<u64, watch::Sender<Option<&'static str>>>>;

/// The connections of devices.
#[derive(Default)]
pub(super) struct Sessions(Mutex<ByDevice>);

/// The connection's end of a session: it says when and why the connection is to end. It is dropped when the connection
/// has ended.
pub(crate) struct SessionEnd(watch::Receiver<Option<&'static str>>);

impl SessionEnd {
    /// Waits until the connection is to end, and returns the reason.
    pub(crate) async fn ended(&mut self) -> &'static str {
        let reason = self.0.wait_for(Option::is_some).await.map(|reason| *reason);
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
        let (end, ended) = watch::channel(None);
        let mut sessions = self.by_device();
        let of_device = sessions.entry(registration_id.to_ascii_lowercase()).or_default();
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
        SessionEnd(ended)
    }

    /// Records the end of a connection of a device.
    pub(super) fn end(&self, registration_id: &str, connection: u64) {
        let mut sessions = self.by_device();
        let key = registration_id.to_ascii_lowercase();
        if let Some(of_device) = sessions.get_mut(&key) {
            of_device.remove(&connection);
            if of_device.is_empty() {
                sessions.remove(&key);
            }
        }
    }

    /// Ends all connections for this reason, and waits until they have ended.
    pub(super) async fn end_all(&self, reason: &'static str) {
        let all = std::mem::take(&mut *self.by_device());
        let ends: Vec<_> = all.into_values().flat_map(BTreeMap::into_values).collect();
        for end in &ends {
            end.send_replace(Some(reason));
        }
        for end in &ends {
            end.closed().await;
        }
    }

    /// Whether one of these connections of a device is open.
    pub(super) fn has_any(&self, registration_id: &str, mut connections: impl Iterator<Item = u64>) -> bool {
        let sessions = self.by_device();
        let open = sessions.get(&registration_id.to_ascii_lowercase());
        open.is_some_and(|open| connections.any(|connection| open.contains_key(&connection)))
    }

    /// At most `limit` of the devices, each with the number of its latest connection.
    pub(super) fn latest(&self, limit: usize) -> Vec<(String, u64)> {
        let sessions = self.by_device();
        let latest = sessions.iter().filter_map(|(id, of_device)| {
            let (number, _) = of_device.last_key_value()?;
            Some((id.clone(), *number))
        });
        latest.take(limit).collect()
    }

    /// How many devices there are.
    pub(super) fn count(&self) -> usize {
        self.by_device().len()
    }

    fn by_device(&self) -> MutexGuard<'_, ByDevice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
