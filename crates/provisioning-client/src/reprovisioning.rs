//! When a device registers again although it has an assignment.

use serde::{Deserialize, Serialize};

/// Counts how often in a row the hub refused the device, and says when to register again.
///
/// A hub that does not know the device refuses it with 401, 403 or 404: the provisioning service may then assign
/// another hub. A hub that fails (5xx) or throttles is not a reason to register again. Stored beside the assignment,
/// the count survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReprovisioningPolicy {
    limit: u32,
    in_a_row: u32,
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

impl ReprovisioningPolicy {
    /// Registers again after `limit` refusals in a row; 0 means the same as 1.
    pub fn new(limit: u32) -> Self {
        Self { limit, in_a_row: 0 }
    }

    /// Counts a connection that the hub refused with this HTTP-like status (401 for CONNACK 4 and 5).
    pub fn refused(&mut self, status: u16) -> NextAssignment {
        if matches!(status, 401 | 403 | 404) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        self.next()
    }

    /// Starts counting again: the hub accepted the device, or the device registered again.
    pub fn accepted(&mut self) {
        self.in_a_row = 0;
    }

    /// Which assignment to use next, by the refusals so far.
    pub fn next(&self) -> NextAssignment {
        // Here rather than in `new`: a deserialized limit may be 0 too.
        if self.in_a_row >= self.limit.max(1) {
            NextAssignment::New
        } else {
            NextAssignment::Stored
        }
    }
}

impl Default for ReprovisioningPolicy {
    /// After 3 in a row.
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
}
