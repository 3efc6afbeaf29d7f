//! What the doctor found: one line each, and all of it together.

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};

use crate::{failure::Failure, outcome::Answer};

/// One thing that was looked at.
pub(super) struct Finding {
    /// What was looked at, in one or two words.
    check: &'static str,
    verdict: Verdict,
}

enum Verdict {
    Ok(String),
    Warning { message: String, advice: String },
    Failed(Failure),
    Skipped { why: String },
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        let verdict = Verdict::Ok(message.into());
        Self { check, verdict }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let (message, advice) = (message.into(), advice.into());
        let verdict = Verdict::Warning { message, advice };
        Self { check, verdict }
    }

    pub(super) fn failed(check: &'static str, failure: impl Into<Failure>) -> Self {
        let verdict = Verdict::Failed(failure.into());
        Self { check, verdict }
    }

    pub(super) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        let verdict = Verdict::Skipped { why: why.into() };
        Self { check, verdict }
    }

    /// What was found as a failure, as a warning only: there is another way.
    pub(super) fn softened(self) -> Self {
        match self.verdict {
            Verdict::Failed(failure) => {
                let member = |name| failure.member(name).unwrap_or_default().to_owned();
                Self::warning(self.check, member("message"), member("hint"))
            }
            _ => self,
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }

    fn json(&self) -> Value {
        let mut members = match &self.verdict {
            Verdict::Ok(message) => json!({"verdict": "ok", "message": message}),
            Verdict::Warning { message, advice } => {
                json!({"verdict": "warning", "message": message, "hint": advice})
            }
            Verdict::Failed(failure) => {
                let mut members = failure.members().clone();
                members.insert("verdict".to_owned(), "failed".into());
                Value::Object(members)
            }
            Verdict::Skipped { why } => json!({"verdict": "skipped", "message": why}),
        };
        members["check"] = self.check.into();
        members
    }
}

impl fmt::Display for Finding {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = self.check;
        match &self.verdict {
            Verdict::Ok(message) => write!(f, "ok       {check}: {message}"),
            Verdict::Warning { message, advice } => write!(f, "warning  {check}: {message} ({advice})"),
            Verdict::Failed(failure) => {
                let member = |name| failure.member(name).unwrap_or_default();
                write!(f, "FAILED   {check}: {} ({})", member("message"), member("hint"))
            }
            Verdict::Skipped { why } => write!(f, "skipped  {check}: {why}"),
        }
    }
}

/// All that was found, in the order in which it was looked at.
pub(crate) struct Diagnosis(pub(super) Vec<Finding>);

impl Diagnosis {
    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.0.iter().filter_map(|finding| match &finding.verdict {
            Verdict::Failed(failure) => Some(failure),
            _ => None,
        })
    }
}

impl Answer for Diagnosis {
    fn json(&self) -> Value {
        let failed = self.failures().count();
        let checks: Vec<_> = self.0.iter().map(Finding::json).collect();
        json!({"status": if failed == 0 { "ok" } else { "failed" }, "failed": failed, "checks": checks})
    }

    /// The lines were printed as they were found; this is what follows them.
    fn text(&self) -> String {
        match self.failures().count() {
            0 => "nothing FAILED".to_owned(),
            failed => format!("{failed} of {} FAILED", self.0.len()),
        }
    }

    fn exit_code(&self) -> ExitCode {
        self.failures()
            .next()
            .map_or(ExitCode::SUCCESS, |failure| ExitCode::from(failure.code))
    }
}
