//! All findings: each is printed when it is added, the summary is the answer of the command.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::finding::Finding;
use crate::output::{console, failure::Failure, outcome::Answer};

/// The findings, in the order of the checks.
pub(crate) struct Diagnosis {
    findings: Vec<Finding>,
    json: bool,
    /// Whether standard output has each finding.
    printed: Result<(), Failure>,
}

impl Diagnosis {
    /// With `json`, standard output has the summary only, and findings are printed on standard error.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            findings: vec![],
            json,
            printed: Ok(()),
        }
    }

    /// Prints a finding and keeps it.
    pub(crate) fn add(&mut self, finding: Finding) {
        let line = finding.to_string();
        if self.json {
            console::print_error(&line);
        } else if self.printed.is_ok() {
            self.printed = console::print([line]);
        }
        self.findings.push(finding);
    }

    /// Returns the diagnosis, or the failure to print a finding.
    pub(crate) fn finish(self) -> Result<Self, Failure> {
        match self.printed {
            Ok(()) => Ok(self),
            Err(failure) => Err(failure),
        }
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.findings.iter().filter_map(Finding::failure)
    }
}

impl Serialize for Diagnosis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = self.failures().count();
        let mut members = serializer.serialize_struct("Diagnosis", 3)?;
        members.serialize_field("status", if failed == 0 { "ok" } else { "failed" })?;
        members.serialize_field("failed", &failed)?;
        members.serialize_field("checks", &self.findings)?;
        members.end()
    }
}

impl Answer for Diagnosis {
    fn lines(&self) -> Vec<String> {
        vec![match self.failures().count() {
            0 => "nothing FAILED".to_owned(),
            failed => format!("{failed} of {} FAILED", self.findings.len()),
        }]
    }

    /// That of the first failure.
    fn exit_code(&self) -> u8 {
        let first = self.failures().next();
        first.map_or(0, |failure| failure.kind.exit_code())
    }
}
