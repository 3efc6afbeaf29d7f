//! Keep-alive pings.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait for PINGRESP.
const PING_TIMEOUT: Duration = Duration::from_secs(30);

/// When to ping, and how long to wait for PINGRESP (MQTT 3.1.1, section 3.1.2.10).
pub(super) struct Pings {
    keep_alive: Duration,
    last_written: Instant,
    respond_by: Option<Instant>,
}

impl Pings {
    pub(super) fn new(keep_alive: Duration) -> Self {
        Self {
            keep_alive,
            last_written: Instant::now(),
            respond_by: None,
        }
    }

    pub(super) fn written(&mut self) {
        self.last_written = Instant::now();
    }

    pub(super) fn sent(&mut self) {
        self.respond_by = Some(Instant::now() + self.keep_alive.min(PING_TIMEOUT));
    }

    pub(super) fn handle_response(&mut self) {
        self.respond_by = None;
    }

    pub(super) fn timed_out(&self) -> bool {
        self.respond_by.is_some_and(|by| by <= Instant::now())
    }

    /// When the next ping is due, or the last one times out. A ping goes out after three quarters of the keep-alive
    /// without a packet, so that it arrives in time.
    pub(super) fn due(&self) -> Instant {
        const NEVER: Duration = Duration::from_secs(365 * 86_400);
        match self.respond_by {
            Some(by) => by,
            None if self.keep_alive.is_zero() => Instant::now() + NEVER,
            None => self.last_written + self.keep_alive * 3 / 4,
        }
    }
}
