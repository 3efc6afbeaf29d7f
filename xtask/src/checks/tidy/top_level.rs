//! The repository's top folder holds what is expected there, and nothing else.

use std::collections::BTreeSet;

use crate::{report::Finding, tree::Tree};

const EXPECTED: [&str; 17] = [
    ".cargo",
    ".ci",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "crates",
    "docs",
    "rustfmt.toml",
    "xtask",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let expected: BTreeSet<&str> = EXPECTED.into();
    let present: BTreeSet<&str> = tree
        .paths
        .iter()
        .map(String::as_str)
        .filter(|path| !path.contains('/'))
        .collect();
    let surplus = present.difference(&expected).map(|path| {
        let fix = "move it, or name it in tidy/top_level.rs";
        Finding::at(path, 1, "this is not expected in the top folder", fix)
    });
    let missing = expected
        .difference(&present)
        .map(|path| Finding::at(path, 1, "this is missing from the top folder", "bring it back"));
    surplus.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn what_is_too_many_or_missing_is_found() {
        let mut files: Vec<_> = EXPECTED.iter().map(|path| (*path, "")).collect();
        assert_eq!(said_of(check, &files), [""; 0]);
        files[0] = ("notes.txt", "");
        let found = said_of(check, &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("notes.txt:1: ") && found[1].starts_with(".cargo:1: "),
            "{found:?}"
        );
    }
}
