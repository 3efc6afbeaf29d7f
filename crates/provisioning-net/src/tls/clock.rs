//! The time of day, by which certificates are valid.

use std::time::SystemTime;

use provisioning_types::{ErrorKind, TransportError};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

/// The system's clock. rustls's own panics before 1970, where a device without a battery may begin.
#[derive(Debug, Clone)]
pub(super) struct Clock(fn() -> SystemTime);

impl Default for Clock {
    fn default() -> Self {
        Self(SystemTime::now)
    }
}

impl Clock {
    /// A clock that a test sets.
    #[cfg(test)]
    pub(super) fn of(now: fn() -> SystemTime) -> Self {
        Self(now)
    }

    /// Checks that the clock is set.
    ///
    /// # Errors
    /// [`ErrorKind::Local`] before 1970: no certificate is valid then.
    pub(super) fn check(&self) -> Result<(), TransportError> {
        match self.current_time() {
            Some(_) => Ok(()),
            None => {
                let error = TransportError::new(ErrorKind::Local, "this machine's clock is before 1970");
                Err(error.with_hint("set this machine's clock: certificates are not valid by it"))
            }
        }
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_1970 = (self.0)().duration_since(SystemTime::UNIX_EPOCH);
        since_1970.ok().map(UnixTime::since_unix_epoch)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_an_error_of_this_machine_and_no_panic() {
        let clock = Clock::of(|| SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(clock.current_time(), None);
        let error = clock.check().expect_err("before 1970");
        assert_eq!(error.kind(), ErrorKind::Local);
        assert_eq!(error.to_string(), "this machine's clock is before 1970");
        assert!(Clock::default().check().is_ok());
    }
}
