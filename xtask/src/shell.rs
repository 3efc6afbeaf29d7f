//! Runs other programs in the root of the repository.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use duct::Expression;
use tool_support::cargo::package_variables;

/// The packages whose tests are built together, with their features: the same words wherever tests are built, so that
/// nothing is built twice. `xtask` is built by itself: Windows cannot replace a program that runs.
pub(crate) const TESTED: &str = "--workspace --exclude xtask --all-features";

/// The folder of the workspace's manifest.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// A cargo command in the root. Spaces separate its arguments.
pub(crate) fn cargo(words: &str) -> Expression {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let command = duct::cmd(cargo, words.split_whitespace()).dir(root());
    package_variables().fold(command, |command, name| command.env_remove(name))
}

/// Runs a cargo command; returns a finding if it fails.
pub(crate) fn run(words: &str) -> Option<String> {
    let failed = cargo(words).run().is_err();
    failed.then(|| failure(words))
}

/// Runs a cargo command and calls `each` for every line of its output, which is shown too; returns a finding if it
/// fails.
pub(crate) fn run_by_line(words: &str, mut each: impl FnMut(&str)) -> Option<String> {
    // Colours would hide the words that are looked for. Tests wait more than they compute.
    let command = cargo(words)
        .env("CARGO_TERM_COLOR", "never")
        .env("RUST_TEST_THREADS", "8");
    let command = command.unchecked();
    let Ok(output) = command.reader() else {
        return Some(failure(words));
    };
    for line in BufReader::new(&output).lines().map_while(Result::ok) {
        println!("{line}");
        each(&line);
    }
    let ended_well = matches!(output.try_wait(), Ok(Some(ended)) if ended.status.success());
    (!ended_well).then(|| failure(words))
}

/// The finding that a cargo command failed.
pub(crate) fn failure(words: &str) -> String {
    format!("`cargo {words}` failed (see above)")
}

/// The reason to skip a check if cargo does not have this subcommand.
pub(crate) fn lacks(subcommand: &str, install: &str) -> Option<String> {
    let found = cargo(&format!("{subcommand} --version"))
        .stdout_null()
        .stderr_null()
        .run()
        .is_ok();
    (!found).then(|| format!("`cargo {subcommand}` is not installed: `{install}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_command_is_read_and_its_failure_is_a_finding() {
        let mut lines = vec![];
        assert_eq!(run_by_line("--version", |line| lines.push(line.to_owned())), None);
        assert!(lines[0].starts_with("cargo "), "{lines:?}");
        assert_eq!(
            run_by_line("no-such-verb", |_| ()),
            Some("`cargo no-such-verb` failed (see above)".to_owned())
        );
    }

    #[test]
    fn a_command_does_not_see_the_variables_of_this_package() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let command = format!("{:?}", cargo("--version"));
        assert!(command.contains(r#"EnvRemove("CARGO_PKG_NAME")"#), "{command}");
    }

    #[test]
    fn a_missing_subcommand_is_reported_with_the_command_that_installs_it() {
        assert_eq!(lacks("fmt", "-"), None);
        let reason = lacks("no-such-verb", "cargo install it");
        assert_eq!(
            reason.as_deref(),
            Some("`cargo no-such-verb` is not installed: `cargo install it`")
        );
    }
}
