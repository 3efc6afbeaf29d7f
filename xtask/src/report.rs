//! What a check found.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::tally::Tally;

/// The result of one check.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What is wrong, as `file:line: what (how to fix it)` where there is a line.
    pub(crate) findings: Vec<String>,
    /// Why the check, or a part of it, could not run.
    pub(crate) skips: Vec<String>,
    /// What was checked, in a few words.
    pub(crate) note: String,
    /// The tests that the check ran.
    pub(crate) tally: Tally,
    took: Duration,
}

impl Report {
    /// The report of a check that could not run.
    pub(crate) fn skip(reason: impl Into<String>) -> Self {
        Self {
            skips: vec![reason.into()],
            ..Self::default()
        }
    }

    /// Says what was checked.
    pub(crate) fn noting(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    /// Whether the check fails the run.
    pub(crate) fn has_failed(&self, no_skip: bool) -> bool {
        !self.findings.is_empty() || no_skip && !self.skips.is_empty()
    }
}

impl<I: IntoIterator<Item = String>> From<I> for Report {
    fn from(findings: I) -> Self {
        Self {
            findings: findings.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// One line with the verdict, then one for each finding and for each reason of a skip.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (self.findings.len(), self.skips.len()) {
            (0, 0) => "ok",
            (0, _) => "SKIP",
            _ => "FAILED",
        };
        let line = format!("{verdict:<6} {:>6.1} s  {}", self.took.as_secs_f32(), self.note);
        writeln!(f, "{}", line.trim_end())?;
        let skips = self.skips.iter().map(|reason| format!("SKIP: {reason}"));
        for line in self.findings.iter().cloned().chain(skips) {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// Runs a check and notes how long it took.
#[expect(clippy::disallowed_methods, reason = "nothing waits for this duration, it is shown")]
pub(crate) fn timed(check: impl FnOnce() -> Report) -> Report {
    let start = Instant::now();
    let report = check();
    Report {
        took: start.elapsed(),
        ..report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_outweighs_a_skip_and_both_are_shown() {
        let report = Report {
            findings: vec!["a.rs:1: wrong (fix it)".to_owned()],
            note: "3 files".to_owned(),
            ..Report::skip("no toolchain")
        };
        let shown = "FAILED    0.0 s  3 files\n    a.rs:1: wrong (fix it)\n    SKIP: no toolchain\n";
        assert_eq!(report.to_string(), shown);
        assert!(report.has_failed(false));
    }

    #[test]
    fn a_skip_is_shown_and_fails_only_where_skips_are_not_wanted() {
        let report = Report::skip("no toolchain");
        assert_eq!(report.to_string(), "SKIP      0.0 s\n    SKIP: no toolchain\n");
        assert!(!report.has_failed(false));
        assert!(report.has_failed(true));
        assert!(!Report::default().has_failed(true));
    }
}
