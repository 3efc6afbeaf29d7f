//! Files and lines of comment stay short enough to be read. How wide code is, rustfmt decides.

use crate::{report::Finding, tree::Tree};

/// A source file that is longer does two things.
const LINES: usize = 600;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let width = width(tree);
    let mut findings = Vec::new();
    for (file, _) in tree.rust_files() {
        let count = file.text.lines().count();
        if count > LINES && file.path.contains("src/") {
            let what = format!("{count} lines are too many, {LINES} is the limit");
            findings.push(Finding::at(&file.path, 1, what, "split it by what it does"));
        }
        let comments = file.lines().filter(|(_, line)| line.trim_start().starts_with("//"));
        findings.extend(comments.filter_map(|(number, line)| {
            let count = line.chars().count();
            // A line with an address on it cannot be broken.
            let is_long = count > width && !line.contains("://");
            let what = format!("{count} characters are too many, {width} is the limit");
            is_long.then(|| Finding::at(&file.path, number, what, "break the line"))
        }));
    }
    findings
}

/// What rustfmt is told, or its default.
fn width(tree: &Tree) -> usize {
    let config = tree.file("rustfmt.toml");
    let lines = config.into_iter().flat_map(|file| file.text.lines());
    let mut widths = lines.filter_map(|line| line.strip_prefix("max_width = ")?.trim().parse().ok());
    widths.next().unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn a_long_source_file_is_found() {
        let long = "//! Long.\n".repeat(LINES + 1);
        assert_eq!(said_of(check, &[("crates/a/src/lib.rs", &long)]).len(), 1);
        let fitting = "//! Long.\n".repeat(LINES);
        assert_eq!(said_of(check, &[("crates/a/src/lib.rs", &fitting)]), [""; 0]);
    }

    #[test]
    fn a_long_comment_is_found_by_the_width_that_rustfmt_is_told() {
        let line = format!("//! {}\n", "x".repeat(110));
        let found = said_of(check, &[("a.rs", &line)]);
        assert_eq!(
            found,
            ["a.rs:1: 114 characters are too many, 100 is the limit (break the line)"]
        );
        let files = [("a.rs", line.as_str()), ("rustfmt.toml", "max_width = 120\n")];
        assert_eq!(said_of(check, &files), [""; 0]);
    }

    #[test]
    fn code_is_left_to_rustfmt() {
        let line = format!("const A: &str = \"{}\";\n", "x".repeat(110));
        assert_eq!(said_of(check, &[("a.rs", &line)]), [""; 0]);
    }

    #[test]
    fn an_address_may_be_long() {
        let line = format!("//! <https://{}>\n", "x".repeat(110));
        assert_eq!(said_of(check, &[("a.rs", &line)]), [""; 0]);
    }
}
