//! Durations in flags.

use std::time::Duration;

/// Longer durations are a mistake, and overflow dates.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A positive number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|&seconds: &f64| seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|&duration| duration <= LONGEST)
        .ok_or_else(|| "expected a number of seconds above 0, and at most 100 years".to_owned())
}

/// A whole number of seconds, which may be 0.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(|seconds: u32| Duration::from_secs(seconds.into()))
        .map_err(|_| "expected a whole number of seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "inf", "1e10", "1e300", "soon"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_seconds_may_be_none() {
        assert_eq!(whole_seconds("0"), Ok(Duration::ZERO));
        for text in ["", "-1", "0.5", "1e3", "99999999999"] {
            assert!(whole_seconds(text).is_err(), "{text}");
        }
    }
}
