//! What a check found, and how it is said: `file:line: what (how to fix)`.

use std::fmt;

use crate::tally::Tally;

/// One offender: where it is, what is wrong with it, and how to put it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: Option<(String, usize)>,
    what: String,
    fix: String,
}

impl Finding {
    /// An offender on a line of a file.
    pub(crate) fn at(file: &str, line: usize, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            place: Some((file.to_owned(), line)),
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// An offender without a place in a file, such as a command that failed.
    pub(crate) fn general(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            place: None,
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place {
            write!(f, "{file}:{line}: ")?;
        }
        write!(f, "{} ({})", self.what, self.fix)
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ran and found nothing.
    Passed,
    /// It, or a part of it, could not run.
    Skipped,
    /// It found something.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "ok",
            Self::Skipped => "SKIP",
            Self::Failed => "FAILED",
        })
    }
}

/// Everything that a check has to say.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The offenders.
    pub(crate) findings: Vec<Finding>,
    /// Why the check, or a part of it, could not run.
    pub(crate) skips: Vec<String>,
    /// What was looked at, in a few words.
    pub(crate) note: String,
    /// The tests that were run, where the check runs tests.
    pub(crate) tally: Option<Tally>,
}

impl Report {
    /// A check that could not run.
    pub(crate) fn skip(why: impl Into<String>) -> Self {
        Self {
            skips: vec![why.into()],
            ..Self::default()
        }
    }

    /// A check that ended with this one finding.
    pub(crate) fn failed(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    /// How the check ended.
    pub(crate) fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Failed
        } else if !self.skips.is_empty() {
            Verdict::Skipped
        } else {
            Verdict::Passed
        }
    }

    /// The same report where what could not run counts as failed.
    pub(crate) fn without_skips(mut self) -> Self {
        let skipped = self.skips.drain(..);
        self.findings
            .extend(skipped.map(|why| Finding::general(format!("could not run: {why}"), "asked for by --no-skip")));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_how_to_fix_it() {
        let finding = Finding::at("crates/a/src/lib.rs", 3, "`dbg!` is left over", "remove it");
        assert_eq!(
            finding.to_string(),
            "crates/a/src/lib.rs:3: `dbg!` is left over (remove it)"
        );
        assert_eq!(
            Finding::general("it failed", "mend it").to_string(),
            "it failed (mend it)"
        );
    }

    #[test]
    fn a_finding_outweighs_a_skip_and_a_skip_outweighs_nothing() {
        let mut report = Report::skip("no toolchain");
        assert_eq!(report.verdict(), Verdict::Skipped);
        report.findings.push(Finding::general("it failed", "mend it"));
        assert_eq!(report.verdict(), Verdict::Failed);
        assert_eq!(Report::default().verdict(), Verdict::Passed);
    }

    #[test]
    fn a_skip_fails_where_skips_are_not_wanted() {
        let report = Report::skip("no toolchain").without_skips();
        assert_eq!(report.verdict(), Verdict::Failed);
        assert!(report.skips.is_empty());
    }
}
