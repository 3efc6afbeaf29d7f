//! The programs that `cargo test` builds: one for each test target.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::process::{capture, cargo, each_line};

/// Which packages are tested together, with which features: said once, so that nothing is built twice.
pub(crate) const WORKSPACE: [&str; 4] = ["--workspace", "--exclude", "xtask", "--all-features"];

/// A program that runs tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// The file that its target starts at.
    pub(crate) source: PathBuf,
    /// The program.
    pub(crate) program: PathBuf,
}

/// Builds, and returns what was built.
pub(crate) fn build(root: &Path) -> Result<Vec<TestBinary>, String> {
    let words = [
        &["test", "--no-run", "--message-format", "json-render-diagnostics"],
        &WORKSPACE[..],
    ]
    .concat();
    let mut binaries = Vec::new();
    let built = each_line(&mut cargo(root, &words), |line| binaries.extend(binary(line)));
    match built {
        Ok(true) => Ok(binaries),
        Ok(false) => Err("the tests do not build".to_owned()),
        Err(error) => Err(format!("cargo could not be run: {error}")),
    }
}

/// Reads one of cargo's messages.
fn binary(message: &str) -> Option<TestBinary> {
    let value: Value = serde_json::from_str(message).ok()?;
    if value["profile"]["test"] != true {
        return None;
    }
    Some(TestBinary {
        source: value["target"]["src_path"].as_str()?.into(),
        program: value["executable"].as_str()?.into(),
    })
}

/// The full names of the tests in a program, such as `machine::tests::it_waits`; the ignored ones only, if asked.
pub(crate) fn tests_in(program: &Path, only_ignored: bool) -> Result<Vec<String>, String> {
    let mut command = Command::new(program);
    command.args(["--list", "--format", "terse"]);
    if only_ignored {
        command.arg("--ignored");
    }
    capture(command).map(|listing| tests_named(&listing))
}

fn tests_named(listing: &str) -> Vec<String> {
    let names = listing.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn test_programs_are_told_from_other_messages() {
        let source = |test: bool, executable: &str| {
            let message = format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["lib"],"name":"t","src_path":"/t.rs"}},
                "profile":{{"test":{test}}},"executable":{executable}}}"#
            );
            binary(&message).map(|binary| binary.source)
        };
        assert_eq!(source(true, r#""/x""#), Some("/t.rs".into()));
        assert_eq!(source(false, r#""/x""#), None);
        assert_eq!(source(true, "null"), None);
        assert_eq!(binary("Compiling"), None);
    }

    #[test]
    fn a_test_program_lists_its_tests_and_those_that_it_ignores() {
        let this = env::current_exe().expect("a test is a program");
        let own = "test_binaries::tests::a_test_program_lists_its_tests_and_those_that_it_ignores";
        assert!(tests_in(&this, false).expect("it lists").iter().any(|name| name == own));
        assert_eq!(tests_in(&this, true), Ok(vec![]));
    }
}
