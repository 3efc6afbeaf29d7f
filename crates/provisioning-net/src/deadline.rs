//! The time by which a step has to be complete, and durations in words.

use std::{fmt, time::Duration};

use tokio::time::{Instant, error::Elapsed, sleep_until, timeout_at};

/// As good as never, where a timeout is longer than the clock can count.
const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The end of a timeout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Starts the timeout now.
    pub(crate) fn after(timeout: Duration) -> Self {
        let now = Instant::now();
        let at = now.checked_add(timeout).unwrap_or_else(|| now + FAR_FUTURE);
        Self { at, timeout }
    }

    /// The same timeout, which ends later.
    pub(crate) fn later_by(self, delay: Duration) -> Self {
        let at = self.at.checked_add(delay).unwrap_or(self.at);
        Self { at, ..self }
    }

    /// When the timeout ends.
    pub(crate) fn at(self) -> Instant {
        self.at
    }

    /// The earlier of two deadlines.
    pub(crate) fn or_earlier(self, other: Option<Self>) -> Self {
        other.filter(|other| other.at <= self.at).unwrap_or(self)
    }

    /// The output of `future`, unless the deadline passes first.
    pub(crate) async fn limit<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        timeout_at(self.at, future).await
    }

    /// Completes when the deadline passes.
    pub(crate) async fn passed(self) {
        sleep_until(self.at).await;
    }
}

/// The whole timeout, such as `12 s`.
impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        InWords(self.timeout).fmt(f)
    }
}

/// A duration such as `12 s`, `2.5 s` or `300 ms`, rounded.
pub(crate) struct InWords(pub(crate) Duration);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if (1..950).contains(&millis) {
            return write!(f, "{millis} ms");
        }
        let (tenths, seconds) = ((millis + 50) / 100, (millis + 500) / 1000);
        if tenths >= 100 || tenths % 10 == 0 {
            write!(f, "{seconds} s")
        } else {
            write!(f, "{}.{} s", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_what_a_reader_needs() {
        for (millis, words) in [
            (0, "0 s"),
            (300, "300 ms"),
            (949, "949 ms"),
            (950, "1 s"),
            (1000, "1 s"),
            (2500, "2.5 s"),
            (2960, "3 s"),
            (11_750, "12 s"),
            (12_000, "12 s"),
        ] {
            assert_eq!(InWords(Duration::from_millis(millis)).to_string(), words);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_beyond_the_clock_is_no_panic() {
        let never = Deadline::after(Duration::MAX);
        let soon = Deadline::after(Duration::from_secs(1));
        assert_eq!(never.or_earlier(Some(soon)).to_string(), "1 s");
        assert_eq!(soon.or_earlier(Some(never)).to_string(), "1 s");
        assert_eq!(never.limit(async { 7 }).await.expect("in time"), 7);
        assert!(soon.limit(never.passed()).await.is_err());
    }
}
