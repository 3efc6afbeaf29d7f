//! The result of one check.

use std::fmt;

use serde::Serialize;

use crate::output::failure::Failure;

/// The result of one check.
#[derive(Serialize)]
pub(crate) struct Finding {
    /// The name of the check, in one to three words.
    check: &'static str,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum Verdict {
    Ok { message: String },
    Warning { message: String, hint: Option<String> },
    Failed(Failure),
    Skipped { message: String },
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let verdict = Verdict::Ok { message };
        Self { check, verdict }
    }

    pub(crate) fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), Some(hint.into()));
        let verdict = Verdict::Warning { message, hint };
        Self { check, verdict }
    }

    pub(crate) fn failed(check: &'static str, failure: impl Into<Failure>) -> Self {
        let verdict = Verdict::Failed(failure.into());
        Self { check, verdict }
    }

    pub(crate) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        let message = why.into();
        let verdict = Verdict::Skipped { message };
        Self { check, verdict }
    }

    /// Turns a failure into a warning, for what a registration does not need.
    pub(crate) fn into_warning(self) -> Self {
        let verdict = match self.verdict {
            Verdict::Failed(Failure { message, hint, .. }) => Verdict::Warning { message, hint },
            verdict => verdict,
        };
        Self { verdict, ..self }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, message, hint) = match &self.verdict {
            Verdict::Ok { message } => ("ok", message, None),
            Verdict::Warning { message, hint } => ("warning", message, hint.clone()),
            Verdict::Failed(failure) => ("FAILED", &failure.message, failure.hint.clone()),
            Verdict::Skipped { message } => ("skipped", message, None),
        };
        write!(f, "{verdict:<8} {}: {message}", self.check)?;
        let support = self.failure().and_then(Failure::support);
        let details: Vec<_> = hint.into_iter().chain(support).collect();
        match details.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", details.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_has_its_verdict_and_the_members_of_the_failure_in_json() {
        let finding = Finding::failed("id scope", Failure::usage("--id-scope is wrong"));
        assert_eq!(
            serde_json::to_string(&finding).expect("JSON"),
            r#"{"check":"id scope","verdict":"failed","kind":"usage","message":"--id-scope is wrong","retryable":false,"hint":"see --help after the command"}"#
        );
        assert_eq!(
            finding.into_warning().to_string(),
            "warning  id scope: --id-scope is wrong (see --help after the command)"
        );
    }
}
