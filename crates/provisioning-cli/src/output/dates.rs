//! Points in time and time spans as text.

use std::time::{Duration, SystemTime};

/// A point in time, to the second: RFC 3339.
pub(crate) fn date(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// A time span in two units at most, such as `2h 1m`.
pub(crate) fn about(span: Duration) -> String {
    let seconds = span.as_secs();
    let grain = match seconds {
        86_400.. => 3_600,
        3_600.. => 60,
        _ => 1,
    };
    humantime::format_duration(Duration::from_secs(seconds / grain * grain)).to_string()
}
