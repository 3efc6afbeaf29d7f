//! All findings: each is reported on standard error when it is added, the summary is the answer of the command.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{cause, code::Code, finding::Finding};
use crate::output::{console::Progress, outcome::Answer};

/// The findings, in the order of the checks.
pub(crate) struct Diagnosis {
    findings: Vec<Finding>,
    /// Shows each finding when it is added. `None` once all were added.
    progress: Option<Progress>,
}

impl Diagnosis {
    pub(crate) fn new() -> Self {
        Self {
            findings: vec![],
            progress: Some(Progress::new()),
        }
    }

    /// Reports a finding and keeps it.
    pub(crate) fn add(&mut self, finding: Finding) {
        if let Some(progress) = &self.progress {
            progress.show(&finding.to_string());
        }
        self.findings.push(finding);
    }

    /// Ends the progress output, before the answer is printed.
    pub(crate) fn finish(mut self) -> Self {
        self.progress = None;
        self
    }

    /// Puts a hint of a later check before the hints of the problems of these checks.
    pub(crate) fn add_hint(&mut self, checks: &[&str], first: &str) {
        for finding in &mut self.findings {
            finding.add_hint(checks, first);
        }
    }

    /// Replaces the hints of the problems with these codes, after a later check excluded an explanation.
    pub(crate) fn replace_hints(&mut self, hints: &[(Code, &str)]) {
        for finding in &mut self.findings {
            hints.iter().for_each(|(code, hint)| finding.replace_hint(*code, hint));
        }
    }

    /// What explains the first failure, with the section of `docs/troubleshooting.md` about it.
    fn cause(&self) -> Option<Finding> {
        cause::of(&self.findings).cloned().map(Finding::see_section)
    }

    fn failed(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_failed()).count()
    }

    /// How many findings are problems.
    fn sum(&self) -> String {
        let failed = match self.failed() {
            0 => "nothing FAILED".to_owned(),
            failed => format!("{failed} of {} FAILED", self.findings.len()),
        };
        match self.findings.iter().filter(|finding| finding.is_warning()).count() {
            0 => failed,
            1 => format!("{failed}, 1 warning"),
            warnings => format!("{failed}, {warnings} warnings"),
        }
    }
}

impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = self.failed();
        let mut members = serializer.serialize_struct("Diagnosis", 4)?;
        members.serialize_field("status", if failed == 0 { "ok" } else { "failed" })?;
        match &self.cause() {
            Some(cause) => members.serialize_field("cause", cause)?,
            None => members.skip_field("cause")?,
        }
        members.serialize_field("failed", &failed)?;
        members.serialize_field("checks", &self.findings)?;
        members.end()
    }
}

impl Answer for Diagnosis {
    /// The cause and what to do, then every finding.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![];
        if let Some(problem) = self.cause().as_ref().and_then(Finding::problem) {
            lines.push(format!("cause: {}", problem.message));
            lines.extend(problem.hint.iter().map(|hint| format!("hint: {hint}")));
        }
        lines.push(self.sum());
        lines.extend(self.findings.iter().map(ToString::to_string));
        lines
    }

    /// The exit code of the cause.
    fn exit_code(&self) -> u8 {
        let problem = cause::of(&self.findings).and_then(Finding::problem);
        problem.map_or(0, |problem| problem.kind.exit_code())
    }
}
