//! The first line of a Rust file says what the file is for.

use crate::{report::Finding, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust_files().filter(|(file, _)| !says_something(&file.text));
    silent
        .map(|(file, _)| {
            let what = "the file does not say what it is for";
            Finding::at(&file.path, 1, what, "begin it with a `//!` line")
        })
        .collect()
}

fn says_something(text: &str) -> bool {
    let said = text.lines().next().and_then(|line| line.strip_prefix("//! "));
    said.is_some_and(|said| !said.trim().is_empty() && !said.starts_with("Placeholder"))
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
}
