//! A Rust file begins with what it is for and ends with its tests.

use crate::{
    read::outline::Outline,
    report::Finding,
    tree::{TextFile, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .flat_map(|(file, outline)| silent(file).into_iter().chain(tests_not_last(file, outline)))
        .collect()
}

fn silent(file: &TextFile) -> Option<Finding> {
    let said = file.text.lines().next().and_then(|line| line.strip_prefix("//! "));
    let says_something = said.is_some_and(|said| !said.trim().is_empty() && !said.starts_with("Placeholder"));
    let what = "the file does not say what it is for";
    (!says_something).then(|| Finding::at(&file.path, 1, what, "begin it with a `//!` line"))
}

/// A test module in the middle of a file hides what comes behind it.
fn tests_not_last(file: &TextFile, outline: &Outline) -> Option<Finding> {
    let mut modules = outline.modules.iter().filter(|module| module.depth == 0);
    let tests = modules.find(|module| module.name == "tests")?;
    let last = outline.tokens.last()?.line;
    let what = "`mod tests` is not the last in the file";
    (tests.end? < last).then(|| Finding::at(&file.path, tests.line, what, "move it to the end"))
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn a_file_without_a_first_line_is_found() {
        for bad in [
            "",
            "use std::fs;\n",
            "\n//! Late.\n",
            "//!\n",
            "// No.\n",
            "//! Placeholder.\n",
        ] {
            assert_eq!(said_of(check, &[("a.rs", bad)]).len(), 1, "{bad}");
        }
        assert_eq!(
            said_of(check, &[("a.rs", "//! What it is for.\n"), ("b.md", "x\n")]),
            [""; 0]
        );
    }

    #[test]
    fn tests_in_the_middle_are_found() {
        let bad = "//! A.\nmod tests {\n}\n\nfn a() {}\n";
        let expected = "a.rs:2: `mod tests` is not the last in the file (move it to the end)";
        assert_eq!(said_of(check, &[("a.rs", bad)]), [expected]);
        for good in [
            "//! A.\nfn a() {}\n\nmod tests {\n}\n// The end.\n",
            "//! A.\nmod tests;\nfn a() {}\n",
        ] {
            assert_eq!(said_of(check, &[("a.rs", good)]), [""; 0]);
        }
    }
}
