//! What is written down in two places agrees, and decision records have the shape that readers expect.

use crate::{
    report::Finding,
    tree::{TextFile, Tree},
};

/// How the parts of a decision record begin.
const PARTS: [&str; 4] = ["Status: ", "## Context", "## Decision", "## Consequences"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = decisions(tree);
    findings.extend(said_twice(tree));
    findings
}

fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let records = tree.ending_in(".md").filter(|file| file.path.starts_with("docs/adr/"));
    for (number, file) in (1..).zip(records) {
        let name = file.path.trim_start_matches("docs/adr/");
        if !name.starts_with(&format!("{number:04}-")) {
            let what = format!("this record is not number {number:04}");
            findings.push(Finding::at(
                &file.path,
                1,
                what,
                "name it `NNNN-title.md`, without gaps",
            ));
        }
        findings.extend(missing_parts(file));
    }
    findings
}

fn missing_parts(file: &TextFile) -> impl Iterator<Item = Finding> {
    let missing = PARTS
        .into_iter()
        .filter(|part| !file.text.lines().any(|line| line.starts_with(part)));
    missing.map(|part| {
        let what = format!("the record has no `{}`", part.trim_end());
        Finding::at(&file.path, 1, what, "add it")
    })
}

/// The test command and the minimum Rust version stand in the README, and elsewhere too.
fn said_twice(tree: &Tree) -> Vec<Finding> {
    let mut wanted = vec![("README.md", "cargo xtask ci"), (".ci/run", "cargo xtask ci")];
    wanted.extend(minimum(tree).map(|version| ("README.md", version)));
    let places = wanted
        .into_iter()
        .filter_map(|(path, words)| Some((tree.file(path)?, words)));
    let missing = places.filter(|(file, words)| !file.text.contains(words));
    missing
        .map(|(file, words)| Finding::at(&file.path, 1, format!("`{words}` is not said here"), "say it"))
        .collect()
}

fn minimum(tree: &Tree) -> Option<&str> {
    let mut lines = tree.file("Cargo.toml")?.text.lines();
    lines
        .find(|line| line.starts_with("rust-version = "))?
        .split('"')
        .nth(1)
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    const RECORD: &str = "# 1. A\n\nStatus: accepted\n\n## Context\n## Decision\n## Consequences\n";

    #[test]
    fn records_are_numbered_and_whole() {
        let good = [("docs/adr/0001-a.md", RECORD), ("docs/adr/0002-b.md", RECORD)];
        assert_eq!(said_of(check, &good), [""; 0]);
        let gap = [("docs/adr/0001-a.md", RECORD), ("docs/adr/0003-b.md", RECORD)];
        assert_eq!(said_of(check, &gap).len(), 1);
        let short = RECORD.replace("## Decision\n", "");
        let found = said_of(check, &[("docs/adr/0001-a.md", &short)]);
        assert_eq!(
            found,
            ["docs/adr/0001-a.md:1: the record has no `## Decision` (add it)"]
        );
    }

    #[test]
    fn the_readme_and_the_manifests_agree() {
        let manifest = ("Cargo.toml", "[workspace.package]\nrust-version = \"1.88\"\n");
        let good = [manifest, ("README.md", "Needs Rust 1.88. `cargo xtask ci`\n")];
        assert_eq!(said_of(check, &good), [""; 0]);
        let old = [manifest, ("README.md", "Needs Rust 1.85. `cargo xtask ci`\n")];
        assert_eq!(said_of(check, &old), ["README.md:1: `1.88` is not said here (say it)"]);
        let other = [manifest, (".ci/run", "cargo test\n")];
        assert_eq!(said_of(check, &other).len(), 1);
    }
}
