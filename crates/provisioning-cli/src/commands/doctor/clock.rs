//! Checks the clock against that of the service: the `Date` of an HTTPS response.

use std::time::{Duration, SystemTime};

use provisioning_device::ClockSkew;

use super::finding::Finding;

pub(crate) const CHECK: &str = "clock";

/// Compares this device's clock with the time in the head of an HTTP response.
pub(crate) fn check(head: &[u8]) -> Finding {
    compare(date(head), SystemTime::now())
}

/// The `Date` in the head of a response.
fn date(head: &[u8]) -> Option<SystemTime> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok()?;
    let date = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("date"))?;
    httpdate::parse_http_date(std::str::from_utf8(date.value).ok()?.trim()).ok()
}

fn compare(service: Option<SystemTime>, now: SystemTime) -> Finding {
    let Some(service) = service else {
        return Finding::skipped(CHECK, "the response on the WebSocket's port has no date");
    };
    match ClockSkew::between(now, service) {
        Some(skew) => Finding::warning(CHECK, skew.to_string(), "set it: certificates and tokens depend on it"),
        None => {
            let off = service.duration_since(now).unwrap_or_else(|error| error.duration());
            Finding::ok(
                CHECK,
                format!(
                    "within {} s of the service's clock",
                    off.max(Duration::from_secs(1)).as_secs()
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(784_111_777);

    #[test]
    fn the_date_of_the_response_is_read() {
        let head = b"HTTP/1.1 404 Not Found\r\nserver: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(date(head), Some(SystemTime::UNIX_EPOCH + NOW));
    }

    #[test]
    fn a_response_without_a_date_is_skipped_and_a_clock_that_is_off_is_a_warning() {
        let now = SystemTime::UNIX_EPOCH + NOW;
        for head in [
            "",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: soon\r\n\r\n",
            "\u{16}\u{3}",
        ] {
            let line = compare(date(head.as_bytes()), now).to_string();
            assert!(line.starts_with("skipped  clock"), "{head:?}: {line}");
        }
        let compared = |seconds| compare(Some(now + Duration::from_secs(seconds)), now).to_string();
        assert_eq!(compared(2), "ok       clock: within 2 s of the service's clock");
        assert!(
            compared(3600).starts_with("warning  clock: this device's clock is 1h behind the service's (set"),
            "{}",
            compared(3600)
        );
    }
}
