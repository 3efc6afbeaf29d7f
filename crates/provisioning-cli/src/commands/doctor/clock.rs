//! Checks the clock: against the `Date` of an HTTPS response or, where TLS fails, against the dates of certificates.

use std::time::{Duration, SystemTime};

use provisioning_device::{ClockSkew, ErrorKind};

use super::{code::Code, finding::Finding, http::Head, validity::Validity};
use crate::output::{dates::minute, failure::Failure};

pub(crate) const CHECK: &str = "clock";

const SET: &str = "set this device's clock, for example by NTP, before it registers";

/// The hints of findings about dates, once the clock is known to be right.
pub(crate) const WHEN_RIGHT: &[(Code, &str)] = &[
    (
        Code::CertificateNotYetValid,
        "this device's clock is right: wait until then, or get a certificate that is valid earlier",
    ),
    (
        Code::CertificateExpired,
        "this device's clock is right: renew the certificate",
    ),
    (
        Code::TokenExpired,
        "this device's clock is right: make a new token with `dps sas`, where the key is stored",
    ),
    (
        Code::ServerCertificateNotYetValid,
        "this device's clock is right: the server has to present another certificate",
    ),
    (
        Code::ServerCertificateExpired,
        "this device's clock is right: the server's certificate has to be renewed",
    ),
];

/// 2026-01-01, since 1970. This program did not exist before, so an earlier clock is wrong.
const FIRST_RELEASE: Duration = Duration::from_secs(1_767_225_600);

/// What shows whether the clock is right. Without a `Date` or a certificate of the service, the device's own credential
/// and the age of this program remain.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The head of an HTTP response that arrived over TLS, or why none arrived.
    pub(crate) head: Result<Vec<u8>, &'static str>,
    /// The dates of the server's certificate, trusted or not.
    pub(crate) server: Option<Validity>,
    /// The dates of the device's certificate or token.
    pub(crate) device: Option<Validity>,
}

impl Evidence {
    /// The finding about a clock that says `now`.
    pub(crate) fn judge(&self, now: SystemTime) -> Finding {
        let unmeasured = match self.head.as_deref().map(service_time) {
            Ok(Some(service)) => return self.compare(service, now),
            Ok(None) => "the response on the WebSocket's port has no date",
            Err(why) => why,
        };
        let estimated = self.estimate(now);
        estimated.unwrap_or_else(|| Finding::skipped(CHECK, unmeasured))
    }

    /// Compares the clock with the service's.
    fn compare(&self, service: SystemTime, now: SystemTime) -> Finding {
        let Some(skew) = ClockSkew::between(now, service) else {
            let off = service.duration_since(now).unwrap_or_else(|error| error.duration());
            let off = off.max(Duration::from_secs(1)).as_secs();
            return Finding::ok(CHECK, format!("within {off} s of the service's clock"));
        };
        let failure = wrong(format!("{skew}: it says {}", minute(now)), SET);
        let is_behind = now < service;
        let dates = self.device.iter().chain(&self.server);
        let mut misjudged = dates.filter(|dates| dates.includes(service) != dates.includes(now));
        match misjudged.next() {
            Some(_) if is_behind => Finding::failed(CHECK, Code::ClockBehind, failure),
            Some(_) => Finding::failed(CHECK, Code::ClockAhead, failure),
            None => Finding::warning(CHECK, Code::ClockOff, failure),
        }
    }

    /// Concludes from dates that the clock is wrong, if no other explanation is likely.
    fn estimate(&self, now: SystemTime) -> Option<Finding> {
        let clock = format!("this device's clock says {}", minute(now));
        let dates = |is_wrong: fn(&Validity, SystemTime) -> bool, words: fn(&Validity) -> String| {
            let of = |dates: &Option<Validity>, whose: &str| {
                let dates = dates.as_ref().filter(|dates| is_wrong(dates, now));
                dates.map(|dates| format!("the {whose} is {}", words(dates)))
            };
            [
                of(&self.server, "service's certificate"),
                of(&self.device, "device's credential"),
            ]
        };
        let early = dates(Validity::begins_after, |dates| {
            format!("valid from {}", minute(dates.from))
        });
        let is_certain = now < SystemTime::UNIX_EPOCH + FIRST_RELEASE;
        if is_certain || early[0].is_some() {
            let mut message = clock;
            for reason in early.into_iter().flatten() {
                message = format!("{message}; {reason}");
            }
            if is_certain {
                message = format!("{message}; this program did not exist then");
            }
            let hint = match is_certain || self.device.is_some_and(|dates| dates.begins_after(now)) {
                true => SET.to_owned(),
                false => format!("{SET}; if it is right, the service presents a certificate too early"),
            };
            return Some(Finding::failed(CHECK, Code::ClockBehind, wrong(message, hint)));
        }
        let [Some(server), Some(device)] = dates(Validity::ended_before, |dates| {
            format!("valid until {}", minute(dates.until))
        }) else {
            return None;
        };
        let hint = format!("{SET}; if it is right, both have expired: renew them");
        let failure = wrong(format!("{clock}; {server}; {device}"), hint);
        Some(Finding::failed(CHECK, Code::ClockAhead, failure))
    }
}

fn wrong(message: String, hint: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Local, message).with_hint(hint)
}

/// The time in the head of a response.
fn service_time(head: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(Head::parse(head)?.date()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).expect("a time")
    }

    fn head(text: &str) -> Result<Vec<u8>, &'static str> {
        Ok(text.as_bytes().to_vec())
    }

    fn year(year: u16) -> Validity {
        Validity {
            from: at(&format!("{year}-01-01T00:00:00Z")),
            until: at(&format!("{}-01-01T00:00:00Z", year + 1)),
        }
    }

    fn in_2026() -> Evidence {
        Evidence {
            head: Err("no TLS"),
            server: Some(year(2026)),
            device: Some(year(2026)),
        }
    }

    #[test]
    fn a_device_that_starts_in_1970_has_a_clock_that_is_behind_whether_or_not_the_service_was_reached() {
        let now = at("1970-01-01T00:03:07Z");
        let shown = in_2026().judge(now).to_string();
        assert_eq!(
            shown,
            "FAILED   clock: this device's clock says 1970-01-01 00:03 UTC; the service's certificate is valid from \
             2026-01-01 00:00 UTC; the device's credential is valid from 2026-01-01 00:00 UTC; this program did not \
             exist then (set this device's clock, for example by NTP, before it registers)"
        );
        for now in [now, SystemTime::UNIX_EPOCH - DAY, at("2000-01-01T00:00:00Z")] {
            let alone = Evidence {
                server: None,
                device: None,
                ..in_2026()
            };
            let finding = alone.judge(now);
            assert_eq!((finding.code(), finding.is_failed()), (Code::ClockBehind, true));
            assert!(!finding.to_string().contains("renew"), "{finding}");
        }
    }

    #[test]
    fn a_certificate_of_the_service_that_is_not_valid_yet_leaves_a_clock_that_may_be_right_unless_the_devices_agrees() {
        let now = at("2026-06-01T00:00:00Z");
        let mut evidence = Evidence {
            server: Some(year(2027)),
            ..in_2026()
        };
        let finding = evidence.judge(now);
        assert_eq!(finding.code(), Code::ClockBehind);
        assert!(finding.to_string().contains("if it is right, the service"), "{finding}");
        evidence.device = Some(year(2027));
        let finding = evidence.judge(now);
        assert!(!finding.to_string().contains("if it is right"), "{finding}");
    }

    #[test]
    fn two_expired_certificates_mean_the_clock_and_one_does_not() {
        let now = at("2099-06-01T00:00:00Z");
        let finding = in_2026().judge(now);
        assert_eq!((finding.code(), finding.is_failed()), (Code::ClockAhead, true));
        assert!(
            finding
                .to_string()
                .contains("the service's certificate is valid until 2027"),
            "{finding}"
        );
        for one in [
            Evidence {
                device: None,
                ..in_2026()
            },
            Evidence {
                server: Some(year(2099)),
                ..in_2026()
            },
        ] {
            assert_eq!(one.judge(now).to_string(), "skipped  clock: no TLS", "{one:?}");
        }
    }

    #[test]
    fn the_date_of_the_response_decides_where_there_is_one() {
        let now = at("2026-11-06T08:49:37Z");
        let date = |text: &str| Evidence {
            head: head(&format!("HTTP/1.1 404 Not Found\r\nserver: x\r\ndate: {text}\r\n\r\n")),
            ..in_2026()
        };
        let finding = date("Fri, 06 Nov 2026 08:49:39 GMT").judge(now);
        assert_eq!(finding.to_string(), "ok       clock: within 2 s of the service's clock");
        let finding = date("Fri, 06 Nov 2026 09:49:37 GMT").judge(now);
        assert_eq!(
            finding.to_string(),
            "warning  clock: this device's clock is 1h behind the service's: it says 2026-11-06 08:49 UTC (set this \
             device's clock, for example by NTP, before it registers)"
        );
        // The device's certificate is valid by the service's clock, and not by this one.
        let finding = date("Fri, 06 Nov 2026 08:49:37 GMT").judge(at("2025-12-31T00:00:00Z"));
        assert_eq!((finding.code(), finding.is_failed()), (Code::ClockBehind, true));
        let finding = date("Fri, 06 Nov 2026 08:49:37 GMT").judge(at("2027-01-02T00:00:00Z"));
        assert_eq!((finding.code(), finding.is_failed()), (Code::ClockAhead, true));
        // A token that is signed now has expired by the service's clock.
        let token = Validity {
            from: SystemTime::UNIX_EPOCH,
            until: now + Duration::from_secs(3600),
        };
        let key = |text| Evidence {
            device: Some(token),
            ..date(text)
        };
        assert_eq!(
            key("Fri, 06 Nov 2026 09:59:37 GMT").judge(now).code(),
            Code::ClockBehind
        );
        assert_eq!(key("Fri, 06 Nov 2026 09:29:37 GMT").judge(now).code(), Code::ClockOff);
        // A certificate that has expired by both.
        let expired = Evidence {
            device: Some(year(2020)),
            server: None,
            ..date("Fri, 06 Nov 2026 08:49:37 GMT")
        };
        assert_eq!(expired.judge(at("2027-01-02T00:00:00Z")).code(), Code::ClockOff);
    }

    #[test]
    fn a_response_without_a_date_is_skipped() {
        for text in [
            "",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: soon\r\n\r\n",
            "\u{16}\u{3}",
        ] {
            let evidence = Evidence {
                head: head(text),
                ..in_2026()
            };
            let line = evidence.judge(at("2026-11-06T08:49:37Z")).to_string();
            assert!(line.starts_with("skipped  clock"), "{text:?}: {line}");
        }
    }
}
