//! The result of one check.

use std::fmt;

use serde::Serialize;

use super::code::Code;
use crate::output::failure::Failure;

/// The result of one check.
#[derive(Clone, Serialize)]
pub(crate) struct Finding {
    /// The name of the check, in one to three words.
    check: &'static str,
    code: Code,
    #[serde(flatten)]
    verdict: Verdict,
    /// Whether the check is of something that a registration does not need.
    #[serde(skip)]
    is_aside: bool,
}

#[derive(Clone, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum Verdict {
    Ok {
        message: String,
    },
    /// A problem that may not fail a registration, as the failure that it would be.
    Warning(Failure),
    Failed(Failure),
    Skipped {
        message: String,
    },
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(check, Code::Ok, Verdict::Ok { message })
    }

    pub(crate) fn warning(check: &'static str, code: Code, failure: impl Into<Failure>) -> Self {
        Self::new(check, code, Verdict::Warning(failure.into()))
    }

    pub(crate) fn failed(check: &'static str, code: Code, failure: impl Into<Failure>) -> Self {
        Self::new(check, code, Verdict::Failed(failure.into()))
    }

    pub(crate) fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        let message = why.into();
        Self::new(check, Code::Skipped, Verdict::Skipped { message })
    }

    fn new(check: &'static str, code: Code, verdict: Verdict) -> Self {
        Self {
            check,
            code,
            verdict,
            is_aside: false,
        }
    }

    /// Turns a failure into a warning that explains nothing else, for what a registration does not need.
    pub(crate) fn set_aside(self) -> Self {
        let verdict = match self.verdict {
            Verdict::Failed(failure) => Verdict::Warning(failure),
            verdict => verdict,
        };
        Self {
            verdict,
            is_aside: true,
            ..self
        }
    }

    /// Puts a hint before that of a problem, if this is one of these checks.
    pub(crate) fn add_hint(&mut self, checks: &[&str], first: &str) {
        if let Verdict::Failed(failure) | Verdict::Warning(failure) = &mut self.verdict
            && checks.contains(&self.check)
        {
            let hints: Vec<_> = [first].into_iter().chain(failure.hint.as_deref()).collect();
            failure.hint = Some(hints.join("; "));
        }
    }

    /// Gives a problem with this code another hint.
    pub(crate) fn replace_hint(&mut self, code: Code, hint: &str) {
        if let Verdict::Failed(failure) | Verdict::Warning(failure) = &mut self.verdict
            && self.code == code
        {
            failure.hint = Some(hint.to_owned());
        }
    }

    /// Ends the hint of a problem with its section of `docs/troubleshooting.md`.
    pub(crate) fn see_section(mut self) -> Self {
        self.verdict = match self.verdict {
            Verdict::Failed(failure) => Verdict::Failed(failure.see(self.code.section())),
            Verdict::Warning(failure) => Verdict::Warning(failure.see(self.code.section())),
            verdict => verdict,
        };
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn is_aside(&self) -> bool {
        self.is_aside
    }

    pub(crate) fn is_ok(&self) -> bool {
        matches!(self.verdict, Verdict::Ok { .. })
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }

    pub(crate) fn is_warning(&self) -> bool {
        matches!(self.verdict, Verdict::Warning(_))
    }

    /// What is wrong, if something is.
    pub(crate) fn problem(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Failed(failure) | Verdict::Warning(failure) => Some(failure),
            Verdict::Ok { .. } | Verdict::Skipped { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, message, hint) = match &self.verdict {
            Verdict::Ok { message } => ("ok", message, None),
            Verdict::Warning(failure) => ("warning", &failure.message, failure.hint.clone()),
            Verdict::Failed(failure) => ("FAILED", &failure.message, failure.hint.clone()),
            Verdict::Skipped { message } => ("skipped", message, None),
        };
        write!(f, "{verdict:<8} {}: {message}", self.check)?;
        let support = self.problem().and_then(Failure::support);
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
    fn a_failed_check_has_its_code_its_verdict_and_the_members_of_the_failure_in_json() {
        let failure = Failure::usage("--id-scope is wrong");
        let finding = Finding::failed("id scope", Code::IdScopeInvalid, failure);
        assert_eq!(
            serde_json::to_string(&finding).expect("JSON"),
            r#"{"check":"id scope","code":"id-scope-invalid","verdict":"failed","kind":"usage","message":"--id-scope is wrong","retryable":false,"hint":"run the command with --help"}"#
        );
        assert_eq!(
            finding.set_aside().to_string(),
            "warning  id scope: --id-scope is wrong (run the command with --help)"
        );
        assert_eq!(
            serde_json::to_string(&Finding::ok("clock", "right")).expect("JSON"),
            r#"{"check":"clock","code":"ok","verdict":"ok","message":"right"}"#
        );
    }
}
