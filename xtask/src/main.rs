//! Every check that CI runs, as `cargo xtask <verb>`.

mod checks;
mod files;
mod report;
mod shell;
mod tally;
mod verb;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};

use crate::{tally::Tally, verb::Verb};

/// Runs the checks of this repository.
///
/// A check that cannot run reports SKIP and the reason.
/// Exit codes: 0 nothing found, 1 something found, 2 wrong arguments.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    /// What to run
    #[arg(value_enum)]
    verb: Verb,
    /// Fix what can be fixed automatically (`fmt`, `trace`, `counts`)
    #[arg(long)]
    fix: bool,
    /// Measure the Node and Python SDKs too (`bench`)
    #[arg(long)]
    peers: bool,
    /// Count a check that cannot run as failed
    #[arg(long)]
    no_skip: bool,
}

fn main() -> ExitCode {
    let Arguments {
        verb,
        fix,
        peers,
        no_skip,
    } = Arguments::parse();
    for (option, given, taken) in [
        ("--fix", fix, matches!(verb, Verb::Fmt | Verb::Trace | Verb::Counts)),
        ("--peers", peers, matches!(verb, Verb::Bench)),
    ] {
        if given && !taken {
            let message = format!("`{verb}` takes no `{option}`");
            Arguments::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
    }
    let mut reports = vec![];
    for check in verb.checks() {
        println!("\n== {check}");
        let report = report::timed(|| check.run(fix, peers));
        print!("{report}");
        reports.push((check, report));
    }
    let mut tally = Tally::default();
    if reports.len() > 1 {
        println!("\n== summary");
    }
    for (check, report) in &reports {
        if reports.len() > 1 {
            print!("{check:<10} {report}");
        }
        tally += report.tally;
    }
    if tally != Tally::default() {
        println!("\n{tally}");
    }
    let failed = reports.iter().any(|(_, report)| report.has_failed(no_skip));
    ExitCode::from(u8::from(failed))
}
