//! All findings: each is printed when it is added, the summary is the answer of the command.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::finding::Finding;
use crate::output::{failure::Failure, outcome::Answer};

/// The findings, in the order of the checks.
pub(crate) struct Diagnosis {
    findings: Vec<Finding>,
    json: bool,
}

impl Diagnosis {
    /// With `json`, standard output has the summary only, and findings are printed on standard error.
    pub(crate) fn new(json: bool) -> Self {
        let findings = vec![];
        Self { findings, json }
    }

    /// Prints a finding and keeps it.
    pub(crate) fn add(&mut self, finding: Finding) {
        // The reader may have closed its end.
        let _ = if self.json {
            writeln!(stderr(), "{finding}")
        } else {
            writeln!(stdout(), "{finding}")
        };
        self.findings.push(finding);
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
    fn text(&self) -> String {
        match self.failures().count() {
            0 => "nothing FAILED".to_owned(),
            failed => format!("{failed} of {} FAILED", self.findings.len()),
        }
    }

    /// That of the first failure.
    fn exit_code(&self) -> ExitCode {
        let first = self.failures().next();
        first.map_or(ExitCode::SUCCESS, |failure| ExitCode::from(failure.kind.exit_code()))
    }
}
