//! What is written down in two places agrees, and decision records have the shape that readers expect.

use crate::{
    report::Finding,
    tree::{TextFile, Tree},
};

const HEADINGS: [&str; 4] = ["Status", "Context", "Decision", "Consequences"];

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
        findings.extend(missing_headings(file));
    }
    findings
}

fn missing_headings(file: &TextFile) -> impl Iterator<Item = Finding> {
    let has = |heading: &str| {
        let mut lines = file.text.lines();
        lines.any(|line| line.strip_prefix("## ").is_some_and(|text| text.trim() == heading))
    };
    let missing = HEADINGS.into_iter().filter(move |heading| !has(heading));
    missing.map(|heading| {
        let what = format!("the record has no `## {heading}`");
        Finding::at(&file.path, 1, what, "add it")
    })
}

/// The test command and the minimum Rust version stand in the README, and elsewhere too.
fn said_twice(tree: &Tree) -> Vec<Finding> {
    let minimum = tree.file("Cargo.toml").and_then(|file| {
        let line = file.text.lines().find(|line| line.starts_with("rust-version = "))?;
        line.split('"').nth(1)
    });
    let mut wanted = vec![
        ("README.md", "cargo xtask ci".to_owned()),
        (".ci/run", "cargo xtask ci".to_owned()),
    ];
    wanted.extend(minimum.map(|version| ("README.md", format!("Rust {version}"))));
    let missing = wanted
        .into_iter()
        .filter_map(|(path, words)| Some((tree.file(path)?, words)))
        .filter(|(file, words)| !file.text.contains(words.as_str()));
    missing
        .map(|(file, words)| Finding::at(&file.path, 1, format!("`{words}` is not said here"), "say it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    const RECORD: &str = "# 1. A\n## Status\n## Context\n## Decision\n## Consequences\n";

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
        assert_eq!(
            said_of(check, &old),
            ["README.md:1: `Rust 1.88` is not said here (say it)"]
        );
        let other = [manifest, (".ci/run", "cargo test\n")];
        assert_eq!(said_of(check, &other).len(), 1);
    }
}
