//! The api-version of a call: a date of the service.

use time::{Date, Month};

use super::server::{Head, parameter};
use crate::refusal::Refusal;

/// The first api-version that is accepted. Every later date is accepted, too.
const FIRST: &str = "2018-04-01";

/// The parameter `api-version`, which must be a date from 2018-04-01 on, with `-preview` or without.
pub(super) fn api_version(head: &Head) -> Result<String, Refusal> {
    let version = parameter(head, "api-version").filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| Refusal::bad_request("The parameter api-version is missing."))?;
    let date = version.strip_suffix("-preview").unwrap_or(&version);
    if is_date(date) && date >= FIRST {
        return Ok(version);
    }
    let message = format!("The api-version {version:?} is not supported; expected a date from {FIRST} on.");
    Err(Refusal::bad_request(message))
}

/// Whether text is a date of the calendar, as year, month and day.
fn is_date(text: &str) -> bool {
    let has_shape = |(byte, shape): (u8, u8)| match shape {
        b'-' => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != FIRST.len() || !text.bytes().zip(FIRST.bytes()).all(has_shape) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse().unwrap_or(0);
    let month = u8::try_from(number(5..7))
        .ok()
        .and_then(|month| Month::try_from(month).ok());
    let day = u8::try_from(number(8..10)).unwrap_or(0);
    month.is_some_and(|month| Date::from_calendar_date(number(0..4), month, day).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_one_of_the_calendar() {
        for date in ["2018-04-01", "2024-02-29", "2030-12-31"] {
            assert!(is_date(date), "{date}");
        }
        for other in [
            "",
            "banana",
            "2031-13-77",
            "2023-02-29",
            "2021-10-1",
            "2021/10/01",
            "2021-1é-1",
        ] {
            assert!(!is_date(other), "{other}");
        }
    }
}
