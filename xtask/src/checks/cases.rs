//! What the checks with real programs count: cases, each of which ends as it must or says why not.

use super::programs;
use crate::{
    console::say,
    report::{Finding, Report},
    tally::Tally,
};

/// A report that the check could not run because programs are not installed, when some are missing.
pub(super) fn lacks(names: &[&str], install: &str) -> Option<Report> {
    let missing = programs::missing(names);
    let what = || format!("not installed: {}", missing.join(", "));
    (!missing.is_empty()).then(|| not_run(Finding::general(what(), install)))
}

/// What could not run has not passed.
pub(super) fn not_run(why: Finding) -> Report {
    Report {
        tally: Some(Tally {
            failed: 1,
            ..Tally::default()
        }),
        ..Report::failed(why)
    }
}

/// Says how each case ended, and adds them up.
pub(super) fn report<'a>(outcomes: impl IntoIterator<Item = (&'a str, Result<String, String>)>) -> Report {
    let mut tally = Tally::default();
    let mut findings = Vec::new();
    for (about, outcome) in outcomes {
        match outcome {
            Ok(said) => {
                tally.passed += 1;
                say(&format!("ok      {about}: {said}"));
            }
            Err(why) => {
                tally.failed += 1;
                say(&format!("FAILED  {about}: {why}"));
                findings.push(Finding::general(format!("{about}: {why}"), "see above"));
            }
        }
    }
    Report {
        findings,
        note: tally.to_string(),
        tally: Some(tally),
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_counts_and_a_failed_one_is_a_finding() {
        let report = report([("one", Ok("fine".to_owned())), ("two", Err("broken".to_owned()))]);
        assert_eq!((report.note.as_str(), report.findings.len()), ("1 passed, 1 failed", 1));
    }

    #[test]
    fn what_is_not_installed_fails_the_check_with_the_command_that_installs_it() {
        let report = lacks(&["no-such-program"], "apt-get install it").expect("it is missing");
        assert_eq!(report.tally.map(|tally| tally.failed), Some(1));
        let finding = report.findings[0].to_string();
        assert_eq!(finding, "not installed: no-such-program (apt-get install it)");
    }
}
