//! The tests that really exist, as the test programs list them, and the claims that they bear out.

use std::collections::BTreeSet;

use super::{super::Context, claims::Claim};
use crate::{report::Finding, test_binaries};

/// A program that runs tests, and what it runs.
#[derive(Debug, Default)]
pub(super) struct TestProgram {
    /// The file that its target starts at, from the root.
    source: String,
    tests: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

/// Builds the tests and asks each program for its list.
pub(super) fn load(context: &Context) -> Result<Vec<TestProgram>, String> {
    let binaries = test_binaries::build(&context.root)?;
    binaries
        .into_iter()
        .map(|binary| {
            Ok(TestProgram {
                source: context.relative(&binary.source),
                tests: test_binaries::tests_in(&binary.program, false)?.into_iter().collect(),
                ignored: test_binaries::tests_in(&binary.program, true)?.into_iter().collect(),
            })
        })
        .collect()
}

/// Keeps the claims of tests that exist and run.
pub(super) fn prove(claims: Vec<Claim>, programs: &[TestProgram]) -> (Vec<Claim>, Vec<Finding>) {
    let mut proven = Vec::new();
    let mut findings = Vec::new();
    for claim in claims {
        match objection(&claim, programs) {
            None => proven.push(claim),
            Some((what, fix)) => findings.push(Finding::at(&claim.file, claim.line, what, fix)),
        }
    }
    (proven, findings)
}

fn objection(claim: &Claim, programs: &[TestProgram]) -> Option<(String, &'static str)> {
    let mut names = BTreeSet::new();
    let mut is_ignored = false;
    for program in programs {
        let Some(name) = program.name_of(claim) else {
            continue;
        };
        if program.ignored.contains(&name) {
            is_ignored = true;
        } else if program.tests.contains(&name) {
            return None;
        }
        names.insert(name);
    }
    let names = names.into_iter().collect::<Vec<_>>().join("`, `");
    Some(if is_ignored {
        (
            format!("the test `{names}` is ignored"),
            "mend it, or take the claim to one that runs",
        )
    } else if names.is_empty() {
        let what = "this file belongs to no program that runs tests".to_owned();
        (what, "declare it as a module")
    } else {
        (
            format!("no program runs a test `{names}`"),
            "declare the file as a module; see its `cfg`",
        )
    })
}

impl TestProgram {
    /// The claiming test's full name in this program, provided that the file can be a module of it.
    fn name_of(&self, claim: &Claim) -> Option<String> {
        let mut parts = self.module_path(&claim.file)?;
        parts.extend(claim.modules.iter().map(String::as_str));
        parts.push(&claim.function);
        Some(parts.join("::"))
    }

    fn module_path<'a>(&self, file: &'a str) -> Option<Vec<&'a str>> {
        if file == self.source {
            return Some(Vec::new());
        }
        let (folder, _) = self.source.rsplit_once('/')?;
        let below = file.strip_prefix(folder)?.strip_prefix('/')?;
        let path = below.strip_suffix("/mod.rs").or_else(|| below.strip_suffix(".rs"))?;
        Some(path.split('/').collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(source: &str, tests: &[&str], ignored: &[&str]) -> TestProgram {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        TestProgram {
            source: source.to_owned(),
            tests: set(&[tests, ignored].concat()),
            ignored: set(ignored),
        }
    }

    fn objection_to(file: &str, modules: &[&str], programs: &[TestProgram]) -> Option<String> {
        let claim = Claim {
            document: "new".to_owned(),
            id: "SRS_1".to_owned(),
            file: file.to_owned(),
            line: 3,
            modules: modules.iter().map(|&name| name.to_owned()).collect(),
            function: "it_works".to_owned(),
        };
        let (proven, findings) = prove(vec![claim], programs);
        assert_eq!(proven.len() + findings.len(), 1);
        findings.first().map(ToString::to_string)
    }

    #[test]
    fn a_test_is_found_by_its_full_name_wherever_it_lies() {
        let programs = [
            program(
                "crates/a/src/lib.rs",
                &["tests::it_works", "b::c::tests::it_works", "d::it_works"],
                &[],
            ),
            program("crates/a/tests/e.rs", &["it_works", "shared::it_works"], &[]),
        ];
        for (file, modules) in [
            ("crates/a/src/lib.rs", &["tests"][..]),
            ("crates/a/src/b/c.rs", &["tests"]),
            ("crates/a/src/d/mod.rs", &[]),
            ("crates/a/tests/e.rs", &[]),
            ("crates/a/tests/shared/mod.rs", &[]),
        ] {
            assert_eq!(objection_to(file, modules, &programs), None, "{file}");
        }
    }

    #[test]
    fn a_test_of_that_name_elsewhere_does_not_count() {
        let programs = [
            program("crates/a/src/lib.rs", &["tests::it_works"], &[]),
            program("crates/b/src/lib.rs", &["c::tests::it_works"], &[]),
        ];
        let why = objection_to("crates/a/src/c.rs", &["tests"], &programs);
        let expected = "crates/a/src/c.rs:3: no program runs a test `c::tests::it_works`";
        assert!(why.is_some_and(|why| why.starts_with(expected)));
        let why = objection_to("crates/d/src/c.rs", &["tests"], &programs);
        assert!(why.is_some_and(|why| why.contains("belongs to no program")));
    }

    #[test]
    fn an_ignored_test_does_not_count() {
        let programs = [program("crates/a/src/lib.rs", &[], &["tests::it_works"])];
        let why = objection_to("crates/a/src/lib.rs", &["tests"], &programs);
        assert!(why.is_some_and(|why| why.contains("the test `tests::it_works` is ignored")));
    }
}
