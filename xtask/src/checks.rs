//! The checks. Here are those that one command does; the others have a file each.

pub(crate) mod bench;
pub(crate) mod features;
pub(crate) mod layers;
pub(crate) mod links;
pub(crate) mod msrv;
pub(crate) mod trace;

use crate::{
    report::Report,
    shell::{self, TESTED},
    tally::{Tally, ignored_for_good},
};

pub(crate) fn fmt(fix: bool) -> Report {
    if let Some(reason) = shell::lacks("fmt", "rustup component add rustfmt") {
        return Report::skip(reason);
    }
    shell::run(if fix { "fmt --all" } else { "fmt --all --check" }).into()
}

pub(crate) fn lint() -> Report {
    if let Some(reason) = shell::lacks("clippy", "rustup component add clippy") {
        return Report::skip(reason);
    }
    shell::run("clippy --workspace --all-targets --all-features -- -D warnings").into()
}

pub(crate) fn test() -> Report {
    run_tests(&[
        format!("test --no-fail-fast {TESTED}"),
        "test --no-fail-fast --package xtask".to_owned(),
    ])
}

/// Runs the ignored tests of external-tests whose names begin with `module`.
pub(crate) fn external(module: &str) -> Report {
    let report = run_tests(&[format!(
        "test --no-fail-fast --test external {TESTED} -- --ignored {module}"
    )]);
    if report.findings.is_empty() && report.tally == Tally::default() {
        return [format!("no ignored test begins with `{module}`")].into();
    }
    report
}

fn run_tests(commands: &[String]) -> Report {
    let mut report = Report::default();
    for words in commands {
        let failure = shell::run_by_line(words, |line| {
            report.findings.extend(ignored_for_good(line));
            report.tally += Tally::of_line(line).unwrap_or_default();
        });
        report.findings.extend(failure);
    }
    report.note = report.tally.to_string();
    report
}

pub(crate) fn doc() -> Report {
    let command = shell::cargo("doc --workspace --no-deps --all-features");
    let failed = command.env("RUSTDOCFLAGS", "-D warnings").run().is_err();
    failed.then(|| "rustdoc warns (see above)".to_owned()).into()
}

pub(crate) fn deny() -> Report {
    if let Some(reason) = shell::lacks("deny", "cargo install cargo-deny --locked") {
        return Report::skip(reason);
    }
    let check = "deny --all-features check --hide-inclusion-graph";
    let mut report = Report::from(shell::run(&format!("{check} bans licenses sources")));
    if shell::cargo("deny fetch db").run().is_ok() {
        report.findings.extend(shell::run(&format!("{check} advisories")));
    } else {
        report
            .skips
            .push("advisories: their database cannot be fetched".to_owned());
    }
    report
}
