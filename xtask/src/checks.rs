//! The list of all checks. One file is one check; the order here is the order of `cargo xtask ci`.

mod cases;
mod doc;
mod features;
mod fmt;
mod interop;
mod lint;
mod local_dps;
mod msrv;
mod page;
mod programs;
mod proxies;
mod test;
mod tidy;
mod trace;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process,
    report::{Finding, Report},
};

/// A check that can be asked for by its name.
#[derive(Debug)]
pub(crate) struct Check {
    /// The verb.
    pub(crate) name: &'static str,
    /// What it looks at, in one line.
    pub(crate) about: &'static str,
    /// Whether it knows what to do with `--fix`.
    pub(crate) can_fix: bool,
    /// Whether `ci` runs it: not when it needs more than Rust and a C compiler.
    pub(crate) in_ci: bool,
    /// Looks.
    pub(crate) run: fn(&Context) -> Report,
}

/// What a check is told.
#[derive(Debug)]
pub(crate) struct Context {
    /// The folder of the workspace's manifest.
    pub(crate) root: PathBuf,
    /// Put right what can be put right.
    pub(crate) fix: bool,
}

/// Every check.
pub(crate) const ALL: [Check; 11] = [
    fmt::CHECK,
    lint::CHECK,
    test::CHECK,
    doc::CHECK,
    features::CHECK,
    tidy::CHECK,
    msrv::CHECK,
    trace::CHECK,
    proxies::CHECK,
    page::CHECK,
    interop::CHECK,
];

impl Context {
    /// This repository, as the tests see it.
    #[cfg(test)]
    fn of_this_repository() -> Self {
        Self {
            root: crate::repository_root(),
            fix: false,
        }
    }

    /// A cargo command in the repository's root.
    fn cargo(&self, words: &[&str]) -> Command {
        process::cargo(&self.root, words)
    }

    /// The path below the root, with `/` between its parts.
    fn relative(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        below.to_string_lossy().replace('\\', "/")
    }

    /// Runs the command; when it fails, or cannot be started, that is a finding.
    fn finding_unless_ok(&self, command: Command, fix: &str) -> Option<Finding> {
        let typed = process::typed(&command);
        match process::run(command) {
            Ok(true) => None,
            Ok(false) => Some(Finding::general(format!("`{typed}` failed"), fix)),
            Err(error) => Some(Finding::general(
                format!("`{typed}` could not be started: {error}"),
                fix,
            )),
        }
    }

    /// Why a check cannot run that needs this cargo subcommand, when it cannot.
    fn lacks_component(&self, subcommand: &str, component: &str) -> Option<Report> {
        process::capture(self.cargo(&[subcommand, "--version"]))
            .err()
            .map(|_| Report::skip(format!("`rustup component add {component}` first")))
    }
}

/// A report of these findings.
fn found(findings: impl IntoIterator<Item = Finding>) -> Report {
    Report {
        findings: findings.into_iter().collect(),
        ..Report::default()
    }
}
