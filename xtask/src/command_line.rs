//! The words after `cargo xtask`: what they ask for, and the help.

use std::fmt::Write;

use crate::checks::Check;

/// The line that stands in the help and under every usage error.
pub(crate) const USAGE: &str = "Usage: cargo xtask <verb> [--fix] [--no-skip]\nTry `cargo xtask --help`.";

/// What the words ask for.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// The help.
    Help,
    /// These checks, in this order.
    Run {
        checks: Vec<&'a Check>,
        fix: bool,
        no_skip: bool,
    },
}

/// Reads the words; the error says which of them is wrong.
pub(crate) fn parse(words: impl IntoIterator<Item = String>, all: &[Check]) -> Result<Request<'_>, String> {
    let mut verb: Option<String> = None;
    let (mut fix, mut no_skip) = (false, false);
    for word in words {
        match word.as_str() {
            "--help" | "-h" | "help" => return Ok(Request::Help),
            "--fix" => fix = true,
            "--no-skip" => no_skip = true,
            option if option.starts_with('-') => return Err(format!("there is no option `{option}`")),
            _ if verb.is_some() => return Err(format!("one verb at a time: `{word}` is one too many")),
            _ => verb = Some(word),
        }
    }
    let verb = verb.ok_or("a verb is missing")?;
    let checks = checks_of(&verb, all)?;
    if fix && (verb == "ci" || !checks.iter().all(|check| check.can_fix)) {
        return Err(format!("`{verb}` takes no `--fix`"));
    }
    Ok(Request::Run { checks, fix, no_skip })
}

fn checks_of<'a>(verb: &str, all: &'a [Check]) -> Result<Vec<&'a Check>, String> {
    let is_asked_for = |check: &&Check| check.name == verb || verb == "ci" && check.in_ci;
    let chosen: Vec<_> = all.iter().filter(is_asked_for).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|check| check.name).collect();
        return Err(format!("there is no verb `{verb}`; there are ci, {}", names.join(", ")));
    }
    Ok(chosen)
}

/// The help, for a stranger.
pub(crate) fn help(all: &[Check]) -> String {
    let (mut verbs, mut beside) = (String::new(), String::new());
    for check in all {
        let group = if check.in_ci { &mut verbs } else { &mut beside };
        // Writing to a string cannot fail.
        let _ = writeln!(group, "  {:<10} {}", check.name, check.about);
    }
    let fixing: Vec<_> = all
        .iter()
        .filter(|check| check.can_fix)
        .map(|check| check.name)
        .collect();
    format!(
        "\
The checks of this repository: what CI runs, and what to run before handing in a change.

Usage: cargo xtask <verb> [--fix] [--no-skip]

Verbs:
  ci         all of the checks below, in this order, whatever they find; then a summary
{verbs}
Beside `ci`, as they need more than Rust and a C compiler:
{beside}
Options:
  --fix      put right what the check can put right by itself ({})
  --no-skip  a check that cannot run counts as failed
  --help     this text

A finding reads `file:line: what is wrong (how to fix it)`. A check that cannot run says SKIP and why.
Exit code: 0 nothing found, 1 something found, 2 the words make no sense.",
        fixing.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    const CHECKS: [Check; 3] = [
        Check {
            name: "fmt",
            about: "how the code looks",
            can_fix: true,
            in_ci: true,
            run: |_| Report::default(),
        },
        Check {
            name: "lint",
            about: "what clippy says",
            can_fix: false,
            in_ci: true,
            run: |_| Report::default(),
        },
        Check {
            name: "extra",
            about: "what needs more",
            can_fix: false,
            in_ci: false,
            run: |_| Report::default(),
        },
    ];

    fn error(words: &[&str]) -> String {
        parse(words.iter().map(|&word| word.to_owned()), &CHECKS).expect_err("the words are wrong")
    }

    #[test]
    fn a_verb_runs_its_check_and_ci_runs_all_that_are_in_it() {
        for (words, count) in [
            (vec!["lint"], 1),
            (vec!["fmt", "--fix"], 1),
            (vec!["extra"], 1),
            (vec!["ci", "--no-skip"], 2),
        ] {
            let request = parse(words.into_iter().map(str::to_owned), &CHECKS);
            assert!(matches!(request, Ok(Request::Run { checks, .. }) if checks.len() == count));
        }
    }

    #[test]
    fn wrong_words_are_named() {
        assert_eq!(error(&[]), "a verb is missing");
        assert_eq!(
            error(&["lnit"]),
            "there is no verb `lnit`; there are ci, fmt, lint, extra"
        );
        assert_eq!(error(&["lint", "--fxi"]), "there is no option `--fxi`");
        assert_eq!(error(&["lint", "--fix"]), "`lint` takes no `--fix`");
        assert_eq!(error(&["ci", "--fix"]), "`ci` takes no `--fix`");
        assert_eq!(error(&["fmt", "lint"]), "one verb at a time: `lint` is one too many");
    }

    #[test]
    fn the_help_names_every_verb() {
        let help = help(&CHECKS);
        assert!(help.contains("\n  fmt        how the code looks\n"), "{help}");
        let (_, beside) = help.split_once("\nBeside `ci`").expect("what `ci` leaves out");
        assert!(beside.contains("\n  extra      what needs more\n"), "{help}");
        assert!(help.contains("by itself (fmt)"), "{help}");
    }
}
