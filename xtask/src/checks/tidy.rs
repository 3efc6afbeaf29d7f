//! `tidy`: the rules that no compiler checks. One file is one rule; each looks at the whole tree.

mod code_fences;
mod examples;
mod inheritance;
mod layers;
mod left_overs;
mod links;
mod reach;
mod records;
mod shape;
mod sizes;
mod top_level;
mod whitespace;

use super::{Check, Context, found};
use crate::{
    read::manifest::{self, Manifest},
    report::{Finding, Report},
    tree::Tree,
};

pub(super) const CHECK: Check = Check {
    name: "tidy",
    about: "layers, manifests, files, words and links are in order",
    can_fix: false,
    in_ci: true,
    run,
};

type TreeRule = fn(&Tree) -> Vec<Finding>;
type ManifestRule = fn(&[Manifest<'_>]) -> Vec<Finding>;

const TREE_RULES: [TreeRule; 9] = [
    shape::check,
    left_overs::check,
    code_fences::check,
    examples::check,
    sizes::check,
    whitespace::check,
    top_level::check,
    links::check,
    records::check,
];

const MANIFEST_RULES: [ManifestRule; 2] = [layers::check, inheritance::check];

fn run(context: &Context) -> Report {
    let tree = match Tree::load(&context.root) {
        Ok(tree) => tree,
        Err(error) => return Report::failed(Finding::general(error.to_string(), "make it readable")),
    };
    let mut findings = findings(&tree);
    findings.extend(reach::check(context));
    Report {
        note: format!("{} files, listed by {}", tree.files.len(), tree.listed_by),
        ..found(findings)
    }
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<_> = TREE_RULES.iter().flat_map(|rule| rule(tree)).collect();
    match manifest::all(tree) {
        Ok(manifests) => findings.extend(MANIFEST_RULES.iter().flat_map(|rule| rule(&manifests))),
        Err((path, line)) => {
            let fix = "write it in the plain TOML that xtask/src/read/toml.rs reads";
            findings.push(Finding::at(path, line, "this manifest cannot be read", fix));
        }
    }
    findings
}

/// What a rule finds in these files, for the rules' tests.
#[cfg(test)]
fn said_of(rule: TreeRule, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Tree::of(files)).iter().map(ToString::to_string).collect()
}

/// What a rule finds in these manifests, for the rules' tests.
#[cfg(test)]
fn said_of_manifests(rule: ManifestRule, files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    let manifests = manifest::all(&tree).expect("the manifests can be read");
    rule(&manifests).iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let report = run(&Context::of_this_repository());
        let said: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_a_finding() {
        let said = said_of(findings, &[("crates/a/Cargo.toml", "[package]\nname = \n")]);
        let expected = "crates/a/Cargo.toml:2: this manifest cannot be read";
        assert!(said.iter().any(|finding| finding.starts_with(expected)), "{said:?}");
    }
}
