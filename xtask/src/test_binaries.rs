//! The programs that `cargo test` builds: one for each test target, and the examples.

use std::{path::Path, path::PathBuf, process::Command};

use serde_json::Value;

use crate::process::{capture, cargo, each_line};

/// Which packages are tested together, with which features: said once, so that nothing is built twice.
pub(crate) const WORKSPACE: [&str; 4] = ["--workspace", "--exclude", "xtask", "--all-features"];

/// A program that cargo built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binary {
    /// The id of its package, as `cargo metadata` has it.
    pub(crate) package: String,
    /// The name of its target.
    pub(crate) target: String,
    /// The file that the target starts at.
    pub(crate) source: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
    /// The program.
    pub(crate) program: PathBuf,
}

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It runs tests.
    Test,
    /// It is an example.
    Example,
}

/// Builds, and returns what was built.
pub(crate) fn build(root: &Path) -> Result<Vec<Binary>, String> {
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
fn binary(message: &str) -> Option<Binary> {
    let value: Value = serde_json::from_str(message).ok()?;
    let target = &value["target"];
    let kind = if value["profile"]["test"] == true {
        Kind::Test
    } else if target["kind"][0] == "example" {
        Kind::Example
    } else {
        return None;
    };
    Some(Binary {
        package: value["package_id"].as_str()?.to_owned(),
        target: target["name"].as_str()?.to_owned(),
        source: target["src_path"].as_str()?.into(),
        kind,
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
    fn test_programs_and_examples_are_told_from_other_messages() {
        let message = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"p#1","target":{{"kind":["{kind}"],"name":"t",
                "src_path":"/t.rs"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let kind = |message: String| binary(&message).map(|binary| binary.kind);
        assert_eq!(kind(message("lib", true, r#""/x""#)), Some(Kind::Test));
        assert_eq!(kind(message("example", false, r#""/x""#)), Some(Kind::Example));
        assert_eq!(kind(message("bin", false, r#""/x""#)), None);
        assert_eq!(kind(message("lib", true, "null")), None);
        assert_eq!(kind("Compiling".to_owned()), None);
    }

    #[test]
    fn a_test_program_lists_its_tests_and_those_that_it_ignores() {
        let this = env::current_exe().expect("a test is a program");
        let own = "test_binaries::tests::a_test_program_lists_its_tests_and_those_that_it_ignores";
        assert!(tests_in(&this, false).expect("it lists").iter().any(|name| name == own));
        assert_eq!(tests_in(&this, true), Ok(vec![]));
    }
}
