//! When a device registers again although it has an assignment.

use provisioning_types::{Assignment, StoredAssignment};
use serde::{Deserialize, Serialize};

/// Counts what became of the connections to the hub, and says when to register again.
///
/// A hub that does not know the device refuses it with 401, 403 or 404: the provisioning service may then assign
/// another hub. A hub that fails, throttles or cannot be reached is tried again; after many failures in a row the
/// device registers again, in case the hub is gone. Stored beside the assignment, the counts survive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReprovisioningPolicy {
    limit: u32,
    in_a_row: u32,
    #[serde(default = "default_failure_limit")]
    failure_limit: u32,
    #[serde(default)]
    failures_in_a_row: u32,
}

/// Which assignment to use next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum NextAssignment {
    /// Connect to the stored hub again.
    Stored,
    /// Register again, and store the new assignment.
    New,
}

/// An assignment, ready to be stored, and where it came from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Provisioned {
    /// The service has just assigned the device: store this.
    New(StoredAssignment),
    /// The stored assignment matches; the service was not asked.
    Stored(StoredAssignment),
}

impl Provisioned {
    /// The assignment.
    pub fn assignment(&self) -> &Assignment {
        self.stored().assignment()
    }

    /// The assignment, without where it came from.
    pub fn into_assignment(self) -> Assignment {
        let (Self::New(stored) | Self::Stored(stored)) = self;
        stored.into_assignment()
    }

    /// What to store, if it is new, and what is stored otherwise.
    pub fn stored(&self) -> &StoredAssignment {
        let (Self::New(stored) | Self::Stored(stored)) = self;
        stored
    }

    /// Whether the service has just assigned the device.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// What became of a connection to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HubResult {
    /// The device is done; nothing follows.
    Done,
    /// The hub accepted the device, and the connection has ended since.
    Disconnected,
    /// The hub refused the device with this HTTP-like status (401 for CONNACK 4 and 5).
    Refused(u16),
    /// The hub failed, throttled, or was not reached.
    Failed,
}

fn default_failure_limit() -> u32 {
    10
}

impl ReprovisioningPolicy {
    /// Registers again after `limit` refusals in a row, or 10 failures in a row; 0 means the same as 1.
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            in_a_row: 0,
            failure_limit: default_failure_limit(),
            failures_in_a_row: 0,
        }
    }

    /// Registers again after this many failures in a row. 10 by default; 0 means the same as 1.
    #[must_use]
    pub fn with_failure_limit(mut self, limit: u32) -> Self {
        self.failure_limit = limit;
        self
    }

    /// After how many refusals in a row the device registers again.
    pub fn limit(&self) -> u32 {
        self.limit.max(1)
    }

    /// After how many failures in a row the device registers again.
    pub fn failure_limit(&self) -> u32 {
        self.failure_limit.max(1)
    }

    /// Counts a connection that the hub refused with this HTTP-like status (401 for CONNACK 4 and 5). Another status
    /// than 401, 403 and 404 is a failure.
    pub fn refused(&mut self, status: u16) -> NextAssignment {
        if !matches!(status, 401 | 403 | 404) {
            return self.failed();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.next()
    }

    /// Counts a hub that failed, throttled, or was not reached.
    pub fn failed(&mut self) -> NextAssignment {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.next()
    }

    /// Starts counting again: the hub accepted the device, or the device registered again.
    pub fn accepted(&mut self) {
        (self.in_a_row, self.failures_in_a_row) = (0, 0);
    }

    /// Which assignment to use next, by the refusals and failures so far.
    pub fn next(&self) -> NextAssignment {
        // A deserialized limit may be 0 too.
        if self.in_a_row >= self.limit() || self.failures_in_a_row >= self.failure_limit() {
            NextAssignment::New
        } else {
            NextAssignment::Stored
        }
    }
}

impl Default for ReprovisioningPolicy {
    /// After 3 refusals or 10 failures in a row.
    fn default() -> Self {
        Self::new(3)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_in_a_row_lead_to_a_new_registration_and_failures_of_the_hub_do_not() {
        let mut refusals = ReprovisioningPolicy::default();
        for status in [401, 500, 503, 429, 404, 400] {
            assert_eq!(refusals.refused(status), NextAssignment::Stored, "{status}");
        }
        assert_eq!(refusals.refused(403), NextAssignment::New);
        assert_eq!(
            refusals.refused(500),
            NextAssignment::New,
            "that it still fails changes nothing"
        );
        refusals.accepted();
        assert_eq!(refusals.next(), NextAssignment::Stored);
        let read: ReprovisioningPolicy = serde_json::from_value(json!({"limit": 0, "inARow": 0})).expect("a count");
        for mut zero in [ReprovisioningPolicy::new(0), read] {
            assert_eq!(zero.next(), NextAssignment::Stored);
            assert_eq!(zero.refused(401), NextAssignment::New);
        }
    }

    #[test]
    fn many_failures_in_a_row_lead_to_a_new_registration_too() {
        let mut policy = ReprovisioningPolicy::default();
        for _ in 0..9 {
            assert_eq!(policy.failed(), NextAssignment::Stored);
        }
        assert_eq!(policy.refused(503), NextAssignment::New);
        policy.accepted();
        assert_eq!(policy.next(), NextAssignment::Stored);
        let mut twice = ReprovisioningPolicy::default().with_failure_limit(2);
        assert_eq!(twice.failed(), NextAssignment::Stored);
        assert_eq!(twice.failed(), NextAssignment::New);
    }
}
