//! `test`: every test passes, the documentation's examples included, and none is ignored.

use std::process::Command;

use super::{Check, Context};
use crate::{
    process::{run_and_listen, typed},
    report::{Finding, Report},
    tally::Tally,
    test_binaries::WORKSPACE,
};

pub(super) const CHECK: Check = Check {
    name: "test",
    about: "every test passes and none is ignored",
    can_fix: false,
    in_ci: true,
    run,
};

fn run(context: &Context) -> Report {
    let workspace = [&["test", "--no-fail-fast"], &WORKSPACE[..]].concat();
    // This package by itself, as `cargo xtask` built it: Windows does not let a running program be built anew.
    let xtask = ["test", "--no-fail-fast", "--package", "xtask"];
    let mut tally = Tally::default();
    let mut findings = Vec::new();
    for words in [&workspace[..], &xtask] {
        findings.extend(run_tests(context.cargo(words), &mut tally));
    }
    findings.extend(ignored(tally));
    Report {
        findings,
        note: tally.to_string(),
        tally: Some(tally),
        ..Report::default()
    }
}

fn run_tests(command: Command, tally: &mut Tally) -> Option<Finding> {
    let typed = typed(&command);
    let outcome = run_and_listen(command, |line| {
        if let Some(result) = Tally::parse(line) {
            *tally += result;
        }
    });
    let what = match outcome {
        Ok(true) => return None,
        Ok(false) => format!("`{typed}` failed"),
        Err(error) => format!("`{typed}` could not be run: {error}"),
    };
    Some(Finding::general(what, "see above"))
}

fn ignored(tally: Tally) -> Option<Finding> {
    let what = format!("ignored tests: {}", tally.ignored);
    (tally.ignored > 0).then(|| Finding::general(what, "mend or remove each; examples take `no_run`, not `ignore`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_is_a_finding() {
        let some = Tally {
            ignored: 2,
            ..Tally::default()
        };
        assert!(ignored(some).is_some_and(|finding| finding.to_string().starts_with("ignored tests: 2 (")));
        assert_eq!(ignored(Tally::default()), None);
    }
}
