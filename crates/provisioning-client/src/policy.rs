//! The timeouts and waits of a registration, and what it recovers from.

use std::time::Duration;

/// The timeouts and waits of a registration. All defaults are in the table of `docs/architecture.md`.
///
/// A timeout of zero expires at once; one of more than a century counts as a century.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) registration_timeout: Duration,
    pub(crate) operation_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) default_wait: Duration,
    pub(crate) wait_floor: Duration,
    pub(crate) backoff_cap: Duration,
    pub(crate) simultaneous_retries: u32,
    pub(crate) wait_for_network: Duration,
    pub(crate) recovery: Recovery,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            registration_timeout: Duration::from_secs(300),
            operation_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            default_wait: Duration::from_secs(2),
            wait_floor: Duration::from_secs(2),
            backoff_cap: Duration::from_secs(60),
            simultaneous_retries: 10,
            wait_for_network: Duration::ZERO,
            recovery: Recovery::none(),
        }
    }
}

impl Policy {
    /// Limits the whole registration, including connecting and every wait. 300 s by default.
    #[must_use]
    pub fn with_registration_timeout(mut self, limit: Duration) -> Self {
        self.registration_timeout = limit;
        self
    }

    /// Limits one request, from connecting for it to its response. 30 s by default.
    #[must_use]
    pub fn with_operation_timeout(mut self, limit: Duration) -> Self {
        self.operation_timeout = limit;
        self
    }

    /// Limits how long the transport may take to cancel or disconnect. 5 s by default.
    #[must_use]
    pub fn with_close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = limit;
        self
    }

    /// The wait after a response without a retry-after. 2 s by default; repeated responses of 429 and above double it.
    /// A wait below [the floor](Self::with_wait_floor) counts as the floor.
    #[must_use]
    pub fn with_default_wait(mut self, wait: Duration) -> Self {
        self.default_wait = wait;
        self
    }

    /// The shortest wait before a request is sent again, an operation is queried, or a lost connection is made again: a
    /// shorter one, the service's retry-after included, is raised to it. 2 s by default: the service's quota is 5 status
    /// queries in 10 s for a device.
    ///
    /// A lower floor is for tests, and for a service without that quota.
    #[must_use]
    pub fn with_wait_floor(mut self, wait: Duration) -> Self {
        self.wait_floor = wait;
        self
    }

    /// The longest wait to which responses of 429 and above without a retry-after double. 60 s by default. A cap below
    /// the first wait does not shorten the first wait.
    #[must_use]
    pub fn with_backoff_cap(mut self, cap: Duration) -> Self {
        self.backoff_cap = cap;
        self
    }

    /// How often a registration sends a request again while the service answers that the same registration id is
    /// registering twice at the same time (409 with error code 409203): after the service's retry-after or the default
    /// wait, plus up to half the default wait at random. 10 by default. With 0, the first such answer fails the
    /// registration, as the requirement documents say.
    #[must_use]
    pub fn with_simultaneous_retries(mut self, count: u32) -> Self {
        self.simultaneous_retries = count;
        self
    }

    /// How long a registration goes on trying to make its first connection while that ends as
    /// [`connect`](provisioning_types::ErrorKind::Connect), with back-off: for a device that starts before its network.
    /// Not at all by default. The registration's timeout holds all the same.
    #[must_use]
    pub fn with_wait_for_network(mut self, limit: Duration) -> Self {
        self.wait_for_network = limit;
        self
    }

    /// What a registration recovers from. Nothing by default.
    #[must_use]
    pub fn with_recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    /// The timeout of the whole registration.
    pub fn registration_timeout(&self) -> Duration {
        self.registration_timeout
    }

    /// The timeout of one request.
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    /// How long the transport may take to cancel or disconnect.
    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// The wait after a response without a retry-after.
    pub fn default_wait(&self) -> Duration {
        self.default_wait
    }

    /// The shortest wait before a request is sent again, an operation is queried, or a lost connection is made again.
    pub fn wait_floor(&self) -> Duration {
        self.wait_floor
    }

    /// The longest wait to which responses of 429 and above without a retry-after double.
    pub fn backoff_cap(&self) -> Duration {
        self.backoff_cap
    }

    /// How often a request is sent again while the same registration id is registering twice at the same time.
    pub fn simultaneous_retries(&self) -> u32 {
        self.simultaneous_retries
    }

    /// How long a registration goes on trying to make its first connection.
    pub fn wait_for_network(&self) -> Duration {
        self.wait_for_network
    }

    /// What a registration recovers from.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The wait after a response without a retry-after, raised to the floor.
    pub(crate) fn first_wait(&self) -> Duration {
        self.default_wait.max(self.wait_floor)
    }

    /// The wait after the `nth` response in a row (from 0) without a retry-after.
    ///
    /// Doubles from the first wait up to the cap. `jitter`, from 0 to 1, takes up to a quarter off each doubled wait,
    /// so that devices that failed together do not retry together. The wait is never below the first wait.
    pub(crate) fn backoff(&self, nth: u32, jitter: f64) -> Duration {
        let factor = 1_u32 << nth.min(16);
        let first = self.first_wait();
        let doubled = first.saturating_mul(factor).min(self.backoff_cap);
        doubled.saturating_sub(share(doubled / 4, jitter)).max(first)
    }

    /// The wait after a simultaneous registration: `retry_after`, or else the first wait. `jitter`, from 0 to 1,
    /// adds up to half the first wait, so that the two do not collide again.
    pub(crate) fn simultaneous_wait(&self, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let first = self.first_wait();
        retry_after.unwrap_or(first).saturating_add(share(first / 2, jitter))
    }
}

/// `wait` multiplied by `jitter`, clamped to 0 to 1. NaN counts as 0.
fn share(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(if jitter > 0.0 { jitter.min(1.0) } else { 0.0 })
}

/// What a registration recovers from by itself.
///
/// Sending the same request again at 429 and above, or [after a simultaneous
/// registration](Policy::with_simultaneous_retries), is not recovery, and happens without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    pub(crate) lost_connections: u32,
}

impl Recovery {
    /// A failed request or a lost connection fails the registration: the requirement documents' behaviour.
    pub fn none() -> Self {
        Self::lost_connections(0)
    }

    /// How many lost connections it recovers from.
    pub fn allowed_losses(&self) -> u32 {
        self.lost_connections
    }

    /// Reconnects after up to `count` lost connections, with back-off, and continues by querying the operation.
    ///
    /// A request or a handshake that is not answered within the operation's timeout counts as a lost connection: the
    /// silent connection is closed. So does a service that is not available for a connection (CONNACK 3), and a failed
    /// attempt to reconnect counts as one more. If the connection is lost before the service named an operation, the
    /// registration request is sent again.
    pub fn lost_connections(count: u32) -> Self {
        Self {
            lost_connections: count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_can_be_asked() {
        let seconds = Duration::from_secs;
        let policy = Policy::default()
            .with_registration_timeout(seconds(1))
            .with_operation_timeout(seconds(2))
            .with_close_timeout(seconds(3))
            .with_default_wait(seconds(4))
            .with_wait_floor(seconds(5))
            .with_backoff_cap(seconds(6))
            .with_wait_for_network(seconds(7))
            .with_simultaneous_retries(8)
            .with_recovery(Recovery::lost_connections(9));
        let asked = [
            policy.registration_timeout(),
            policy.operation_timeout(),
            policy.close_timeout(),
            policy.default_wait(),
            policy.wait_floor(),
            policy.backoff_cap(),
            policy.wait_for_network(),
        ];
        assert_eq!(asked, [1, 2, 3, 4, 5, 6, 7].map(seconds));
        assert_eq!(
            (policy.simultaneous_retries(), policy.recovery().allowed_losses()),
            (8, 9)
        );
    }

    #[test]
    fn waits_double_from_the_default_up_to_the_cap() {
        let policy = Policy::default();
        let waits: Vec<u64> = (0..7).map(|nth| policy.backoff(nth, 0.0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(policy.backoff(u32::MAX, 0.0), Duration::from_secs(60));
    }

    #[test]
    fn jitter_takes_up_to_a_quarter_off_but_never_below_the_first_wait() {
        let policy = Policy::default();
        assert_eq!(policy.backoff(0, 1.0), Duration::from_secs(2));
        assert_eq!(policy.backoff(1, 1.0), Duration::from_secs(3));
        assert_eq!(policy.backoff(5, 0.5), Duration::from_millis(52_500));
    }

    #[test]
    fn jitter_adds_up_to_half_the_first_wait_while_the_device_registers_twice() {
        let policy = Policy::default();
        let waits = [0.0, 0.5, 1.0].map(|jitter| policy.simultaneous_wait(None, jitter).as_millis());
        assert_eq!(waits, [2000, 2500, 3000]);
        let named = policy.simultaneous_wait(Some(Duration::from_secs(7)), 1.0);
        assert_eq!(named, Duration::from_secs(8));
    }

    #[test]
    fn no_policy_and_no_jitter_make_it_panic() {
        let endless = Policy::default()
            .with_default_wait(Duration::MAX)
            .with_backoff_cap(Duration::MAX);
        for policy in [Policy::default(), endless] {
            for jitter in [f64::NEG_INFINITY, -1.0, 0.0, 1.0, 2.0, f64::INFINITY, f64::NAN] {
                for nth in [0, 1, u32::MAX] {
                    assert!(policy.backoff(nth, jitter) >= policy.first_wait());
                }
                for retry_after in [None, Some(Duration::MAX)] {
                    assert!(policy.simultaneous_wait(retry_after, jitter) >= policy.first_wait());
                }
            }
        }
    }
}
