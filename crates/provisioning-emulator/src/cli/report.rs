//! The lines about log entries on stderr. A refusal that repeats is printed once and then counted.

use std::{
    collections::HashMap,
    fmt::Write,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::log::{LogEntry, LogKind};

/// How often repeated refusals are counted into one line.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many different refusals are remembered. Further ones are printed each time.
const MAX_REMEMBERED: usize = 1024;

/// The longest text of one line, in characters.
const MAX_CHARS: usize = 500;

/// The lines for entries, and how often each refusal was repeated.
#[derive(Default)]
pub(super) struct Report {
    refusals: HashMap<String, Repeats>,
}

struct Repeats {
    /// When the refusal was printed or counted last.
    printed: Instant,
    /// How often it was repeated since then.
    count: u64,
}

/// Whether an entry is printed.
pub(super) fn is_printed(entry: &LogEntry) -> bool {
    entry.kind == LogKind::Registration || entry.is_refusal() || is_warning(entry)
}

/// Whether an entry is printed with `--quiet`, too.
pub(super) fn is_warning(entry: &LogEntry) -> bool {
    matches!(
        entry.kind,
        LogKind::File | LogKind::Listen | LogKind::Accept | LogKind::Panic
    )
}

impl Report {
    /// The line for an entry, unless it is a refusal that was printed before.
    pub(super) fn entry(&mut self, entry: &LogEntry, now: Instant) -> Option<String> {
        let text = escaped(&sentence(entry));
        let time = time_of_day(entry.time);
        if !entry.is_refusal() {
            return Some(format!("{time} {text}"));
        }
        if let Some(repeats) = self.refusals.get_mut(&text) {
            repeats.count += 1;
            return None;
        }
        if self.refusals.len() < MAX_REMEMBERED {
            self.refusals.insert(text.clone(), Repeats { printed: now, count: 0 });
        }
        Some(format!("{time} {text}{}", source(entry)))
    }

    /// A line for each refusal that was repeated. One that was not is forgotten: the next time it is printed again.
    pub(super) fn repeats(&mut self, now: Instant) -> Vec<String> {
        self.counted(
            |repeats| now.saturating_duration_since(repeats.printed) >= INTERVAL,
            now,
        )
    }

    /// As [`repeats`](Self::repeats), at the end.
    pub(super) fn last_repeats(&mut self, now: Instant) -> Vec<String> {
        self.counted(|_| true, now)
    }

    fn counted(&mut self, is_due: impl Fn(&Repeats) -> bool, now: Instant) -> Vec<String> {
        let time = time_of_day(SystemTime::now());
        let mut lines = vec![];
        self.refusals.retain(|text, repeats| {
            if !is_due(repeats) {
                return true;
            }
            if repeats.count == 0 {
                return false;
            }
            let seconds = now.saturating_duration_since(repeats.printed).as_secs().max(1);
            let times = match repeats.count {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            };
            lines.push(format!("{time} … {times} more in the last {seconds} s: {text}"));
            *repeats = Repeats { printed: now, count: 0 };
            true
        });
        lines
    }
}

/// What happened, without the time, the peer and the connection, which differ when a device retries.
fn sentence(entry: &LogEntry) -> String {
    let device = entry.registration_id.as_deref().unwrap_or_default();
    let reason = entry.reason.as_deref().unwrap_or("no reason is known");
    if is_warning(entry) {
        return format!("warning: {reason}");
    }
    if entry.kind == LogKind::Registration {
        return format!("{device}: {reason}");
    }
    let mut text = "refused".to_owned();
    let step = match entry.kind {
        LogKind::Refused => "",
        LogKind::Tls => "TLS",
        LogKind::WebSocket => "WebSocket",
        LogKind::Publish => "answer",
        kind => kind.as_str(),
    };
    let status = entry.status.map(|status| status.to_string());
    let call = match entry.kind {
        LogKind::WebSocket | LogKind::Http | LogKind::Control => entry.topic.as_deref(),
        _ => None,
    };
    // Writing to text does not fail.
    let _ = match device {
        "" => Ok(()),
        device => write!(text, " {device}"),
    };
    let parts = [Some(step), call, status.as_deref()];
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if !parts.is_empty() {
        let _ = write!(text, ": {}", parts.join(" "));
    }
    let _ = write!(text, ": {reason}");
    text
}

/// Which connection a refusal is about.
fn source(entry: &LogEntry) -> String {
    let port = entry.port.map(|port| format!("{port} port"));
    let peer = entry.peer.map(|peer| format!("from {peer}"));
    let connection = entry.connection.map(|number| format!("connection {number}"));
    let parts: Vec<_> = [port, peer, connection].into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join(", ")),
    }
}

/// One line without characters that a terminal interprets, of bounded length: peers choose parts of it.
fn escaped(text: &str) -> String {
    let mut line = String::new();
    for (index, char) in text.chars().enumerate() {
        if index >= MAX_CHARS {
            line.push('…');
            break;
        }
        match char {
            '"' | '\'' | '\\' => line.push(char),
            other => line.extend(other.escape_debug()),
        }
    }
    line
}

/// The time of day in UTC.
fn time_of_day(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.get(11..).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{Direction, Origin},
        port::Port,
    };

    fn connack(device: &str, connection: u64) -> LogEntry {
        let origin = Origin {
            connection: Some(connection),
            peer: Some(([127, 0, 0, 1], 50_000).into()),
            port: Some(Port::Mqtt),
        };
        LogEntry {
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(3723),
            status: Some(5),
            reason: Some("not authorized: the token has expired".to_owned()),
            ..LogEntry::new(origin, Direction::Out, LogKind::ConnAck).of_device(Some(device))
        }
    }

    #[test]
    fn a_refusal_has_its_time_device_step_reason_and_connection() {
        let line = Report::default().entry(&connack("device-1", 3), Instant::now());
        let expected = "01:02:03Z refused device-1: CONNACK 5: not authorized: the token has expired \
                        (mqtt port, from 127.0.0.1:50000, connection 3)";
        assert_eq!(line.as_deref(), Some(expected));
    }

    #[test]
    fn a_refusal_that_repeats_is_printed_once_and_then_counted_every_10_seconds() {
        let mut report = Report::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(report.entry(&connack("a", 1), start).is_some());
        assert!(report.entry(&connack("b", 2), start).is_some(), "another device");
        for connection in 3..40 {
            assert_eq!(report.entry(&connack("a", connection), at(1)), None);
        }
        assert_eq!(report.repeats(at(9)), [""; 0]);
        let [counted] = &report.repeats(at(10))[..] else {
            panic!("one line: b was not repeated")
        };
        let words = "… 37 times more in the last 10 s: refused a: CONNACK 5: not authorized: the token has expired";
        assert!(counted.ends_with(words), "{counted}");
        assert!(report.entry(&connack("b", 41), at(11)).is_some(), "forgotten");
        assert_eq!(report.entry(&connack("a", 42), at(12)), None, "still counted");
        assert_eq!(report.last_repeats(at(13)).len(), 1);
    }

    #[test]
    fn what_a_peer_chooses_is_escaped_and_cut() {
        let text = format!("\u{1b}[2J\n\u{202e}\"é{}", "x".repeat(5000));
        let line = Report::default()
            .entry(&connack(&text, 1), Instant::now())
            .expect("a line");
        assert!(line.contains("\\u{1b}[2J\\n\\u{202e}\"éxxx"), "{line}");
        assert!(line.len() < 700, "{}", line.len());
    }

    #[test]
    fn different_refusals_without_end_take_bounded_memory() {
        let mut report = Report::default();
        for number in 0..5_000 {
            report.entry(&connack(&number.to_string(), number), Instant::now());
        }
        assert_eq!(report.refusals.len(), MAX_REMEMBERED);
    }
}
