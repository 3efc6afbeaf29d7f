//! Runs checks one after another, whatever they find, and sums up.

use std::time::{Duration, Instant};

use crate::{
    checks::{Check, Context},
    console::say,
    report::{Report, Verdict},
    tally::Tally,
};

/// A check that has run.
struct Done {
    name: &'static str,
    report: Report,
    took: Duration,
}

/// Runs the checks and says what they found; true when none failed.
pub(crate) fn run(checks: &[&Check], context: &Context, no_skip: bool) -> bool {
    let done: Vec<_> = checks.iter().map(|check| run_one(check, context, no_skip)).collect();
    if done.len() > 1 {
        say("");
        for line in summary(&done) {
            say(&line);
        }
    }
    if let Some(tally) = tally(&done) {
        say("");
        say(&tally.to_string());
    }
    done.iter().all(|one| one.report.verdict() != Verdict::Failed)
}

fn run_one(check: &Check, context: &Context, no_skip: bool) -> Done {
    say(&format!("\n== {}: {}", check.name, check.about));
    let start = now();
    let mut report = (check.run)(context);
    let took = start.elapsed();
    if no_skip {
        report = report.without_skips();
    }
    let name = check.name;
    let done = Done { name, report, took };
    for line in details(&done.report) {
        say(&line);
    }
    say(&row(&done));
    done
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a check took is shown; nothing waits for it"
)]
fn now() -> Instant {
    Instant::now()
}

fn details(report: &Report) -> impl Iterator<Item = String> {
    let findings = report.findings.iter().map(ToString::to_string);
    findings.chain(report.skips.iter().map(|why| format!("SKIP: {why}")))
}

/// One row for each check, then once more what was found: the rest is far up by now.
fn summary(done: &[Done]) -> Vec<String> {
    let mut lines = vec!["== summary".to_owned()];
    lines.extend(done.iter().map(row));
    for one in done {
        lines.extend(details(&one.report).map(|detail| format!("{}: {detail}", one.name)));
    }
    lines
}

fn row(done: &Done) -> String {
    let count = match done.report.findings.len() {
        0 => String::new(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let notes = [count, done.report.note.clone()];
    let said: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let row = format!(
        "{:<10} {:<6} {:>6.1} s  {}",
        done.name,
        done.report.verdict(),
        done.took.as_secs_f32(),
        said.join("; ")
    );
    row.trim_end().to_owned()
}

/// The tests that all checks ran; none when no check runs tests.
fn tally(done: &[Done]) -> Option<Tally> {
    let mut sum = Tally::default();
    for tally in done.iter().filter_map(|one| one.report.tally) {
        sum += tally;
    }
    done.iter().any(|one| one.report.tally.is_some()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::report::Finding;

    fn done(name: &'static str, report: Report) -> Done {
        let took = Duration::from_millis(1250);
        Done { name, report, took }
    }

    fn context() -> Context {
        Context {
            root: PathBuf::from("."),
            fix: false,
        }
    }

    const PASSES: Check = Check {
        name: "passes",
        about: "finds nothing",
        can_fix: false,
        in_ci: true,
        run: |_| Report::default(),
    };
    const SKIPS: Check = Check {
        name: "skips",
        run: |_| Report::skip("there is no toolchain"),
        ..PASSES
    };
    const FAILS: Check = Check {
        name: "fails",
        run: |_| Report::failed(Finding::general("it failed", "mend it")),
        ..PASSES
    };

    #[test]
    fn a_check_that_fails_fails_the_whole_wherever_it_stands() {
        assert!(run(&[&PASSES, &SKIPS], &context(), false));
        assert!(!run(&[&FAILS, &PASSES], &context(), false));
        assert!(!run(&[&PASSES, &FAILS], &context(), false));
    }

    #[test]
    fn a_skip_fails_only_where_skips_are_not_wanted() {
        assert!(run(&[&SKIPS], &context(), false));
        assert!(!run(&[&SKIPS], &context(), true));
    }

    #[test]
    fn the_summary_has_a_row_for_each_check_and_repeats_what_was_found() {
        let noted = Report {
            note: "12 files".to_owned(),
            ..Report::default()
        };
        let failed = Report {
            note: "1 of 2 rows".to_owned(),
            ..Report::failed(Finding::at("a.rs", 1, "it is wrong", "mend it"))
        };
        let lines = summary(&[
            done("tidy", noted),
            done("msrv", Report::skip("there is no toolchain")),
            done("trace", failed),
        ]);
        let expected = [
            "== summary",
            "tidy       ok        1.2 s  12 files",
            "msrv       SKIP      1.2 s",
            "trace      FAILED    1.2 s  1 finding; 1 of 2 rows",
            "msrv: SKIP: there is no toolchain",
            "trace: a.rs:1: it is wrong (mend it)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_tests_of_all_checks_are_added_up() {
        let tally = |passed| Report {
            tally: Some(Tally {
                passed,
                ..Tally::default()
            }),
            ..Report::default()
        };
        let sum = super::tally(&[
            done("test", tally(3)),
            done("doc", Report::default()),
            done("more", tally(4)),
        ]);
        assert_eq!(sum.map(|sum| sum.passed), Some(7));
        assert_eq!(super::tally(&[done("doc", Report::default())]), None);
    }
}
