//! Figures from many durations.

use std::time::Duration;

/// Durations, in order.
#[derive(Debug, Default)]
pub(super) struct Durations(Vec<Duration>);

impl From<Vec<Duration>> for Durations {
    fn from(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }
}

impl Durations {
    /// The shortest duration that at least `percent` of all do not exceed, in milliseconds. Infinite if there are none.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(f64::INFINITY, milliseconds)
    }

    pub(super) fn longest(&self) -> f64 {
        self.percentile(100)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

pub(super) fn milliseconds(duration: &Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(milliseconds: impl IntoIterator<Item = u64>) -> Durations {
        milliseconds
            .into_iter()
            .map(Duration::from_millis)
            .collect::<Vec<_>>()
            .into()
    }

    #[test]
    fn a_percentile_is_a_duration_that_was_measured() {
        let hundred = durations((1..=100).rev());
        assert_eq!(hundred.percentile(50), 50.0);
        assert_eq!(hundred.percentile(99), 99.0);
        assert_eq!(hundred.longest(), 100.0);
        assert_eq!(durations([7]).percentile(1), 7.0);
        assert_eq!(durations([1, 2, 3]).percentile(99), 3.0);
    }

    #[test]
    fn nothing_measured_is_within_no_limit() {
        assert_eq!(durations([]).percentile(50), f64::INFINITY);
    }
}
