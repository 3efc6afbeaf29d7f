//! The exchange of one device, or of one connection: its part of the log.

use std::{collections::HashSet, sync::Arc};

use super::super::server::{Head, parameter};
use crate::log::LogEntry;

/// What the page shows the exchange of.
pub(crate) enum Selected {
    /// All connections of the device with this registration id.
    Device(String),
    /// The connection with this number, whose device may be unknown.
    Connection(u64),
}

impl Selected {
    /// The selection of a request: the parameter `device` or `connection`.
    pub(super) fn of(head: &Head) -> Option<Self> {
        let connection = || Some(Self::Connection(parameter(head, "connection")?.parse().ok()?));
        parameter(head, "device").map(Self::Device).or_else(connection)
    }
}

/// The newest entries of the selected exchange, at most so many; oldest first.
pub(super) fn exchange(log: &[Arc<LogEntry>], selected: &Selected, limit: usize) -> Vec<Arc<LogEntry>> {
    let of_selected: Vec<_> = match selected {
        Selected::Connection(number) => {
            let is_its = |entry: &&Arc<LogEntry>| entry.connection == Some(*number);
            log.iter().filter(is_its).collect()
        }
        Selected::Device(id) => {
            let is_named = |entry: &LogEntry| {
                let named = entry.registration_id.as_deref();
                named.is_some_and(|named| named.eq_ignore_ascii_case(id))
            };
            let named = log.iter().filter(|entry| is_named(entry));
            // The first entries of a connection are written before it names its device.
            let connections: HashSet<_> = named.filter_map(|entry| entry.connection).collect();
            let is_its = |entry: &&Arc<LogEntry>| {
                is_named(entry) || entry.connection.is_some_and(|number| connections.contains(&number))
            };
            log.iter().filter(is_its).collect()
        }
    };
    let newest = &of_selected[of_selected.len().saturating_sub(limit)..];
    newest.iter().copied().cloned().collect()
}
