//! Points in time and time spans as text.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

/// A point in time, to the second: RFC 3339. humantime has no date before 1970 and after the year 9999.
pub(crate) fn date(at: SystemTime) -> String {
    if at < SystemTime::UNIX_EPOCH {
        return "a date before 1970".to_owned();
    }
    let mut text = String::new();
    match write!(text, "{}", humantime::format_rfc3339_seconds(at)) {
        Ok(()) => text,
        Err(_) => "a date after the year 9999".to_owned(),
    }
}

/// A point in time as people read it: `2026-11-26 04:25 UTC`.
pub(crate) fn minute(at: SystemTime) -> String {
    let text = date(at);
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..5).unwrap_or(time)),
        None => text,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_or_a_token_may_have_a_date_of_any_year() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(date(at(0)), "1970-01-01T00:00:00Z");
        assert_eq!(date(at(0) - Duration::from_secs(1)), "a date before 1970");
        assert_eq!(date(at(253_402_300_799)), "9999-12-31T23:59:59Z");
        assert_eq!(date(at(253_402_300_800)), "a date after the year 9999");
    }
}
