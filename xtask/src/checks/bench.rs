//! `bench` and `counts`: the packages `benchmarks` and `micro-benchmarks` measure, and print what they measured.

use crate::{report::Report, shell};

/// Prints the table of docs/performance.md. A missed goal is shown in the table; it is not a finding.
pub(crate) fn table(peers: bool) -> Report {
    // The program starts the others.
    let build = shell::run("build --locked --profile bench --package benchmarks --bins");
    if build.is_some() {
        return Report::from(build);
    }
    let peers = if peers { "--peers" } else { "" };
    let run = "run --quiet --locked --profile bench --package benchmarks --";
    shell::run(&format!("{run} {peers}")).into()
}

/// Compares instruction counts with the committed ones, or writes the new ones. A change is printed; it is not a finding.
pub(crate) fn counts(fix: bool) -> Report {
    let (mut last, mut skip) = (String::new(), None);
    let fix = if fix { "--fix" } else { "" };
    let run = "run --quiet --locked --profile bench --package micro-benchmarks --";
    let failure = shell::run_by_line(&format!("{run} {fix}"), |line| {
        line.clone_into(&mut last);
        skip = line.strip_prefix("SKIP: ").map(str::to_owned);
    });
    match (failure, skip) {
        (None, Some(reason)) => Report::skip(reason),
        (failure, _) => Report::from(failure).noting(last),
    }
}
