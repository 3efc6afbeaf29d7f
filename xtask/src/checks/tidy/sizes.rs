//! Files and lines stay short enough to be read.

use crate::{report::Finding, tree::Tree};

/// A source file that is longer does two things.
const LINES: usize = 600;

/// How much further code may go that rustfmt cannot break, such as a string. Comments are not for rustfmt to break.
const UNBREAKABLE: usize = 40;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let width = width(tree);
    let mut findings = Vec::new();
    for (file, _) in tree.rust_files() {
        let count = file.text.lines().count();
        if count > LINES && file.path.contains("src/") {
            let what = format!("{count} lines are too many, {LINES} is the limit");
            findings.push(Finding::at(&file.path, 1, what, "split it by what it does"));
        }
        findings.extend(file.lines().filter_map(|(number, line)| {
            let limit = if line.trim_start().starts_with("//") {
                width
            } else {
                width + UNBREAKABLE
            };
            let count = line.chars().count();
            // A line with an address on it cannot be broken.
            let is_long = count > limit && !line.contains("://");
            let what = format!("{count} characters are too many, {limit} is the limit");
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
    fn a_long_line_is_found_by_the_width_that_rustfmt_is_told() {
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
    fn code_that_rustfmt_leaves_may_be_longer_to_a_point() {
        let line = |length| format!("const A: &str = \"{}\";\n", "x".repeat(length));
        assert_eq!(said_of(check, &[("a.rs", &line(110))]), [""; 0]);
        assert_eq!(said_of(check, &[("a.rs", &line(130))]).len(), 1);
    }

    #[test]
    fn an_address_may_be_long() {
        let line = format!("//! <https://{}>\n", "x".repeat(110));
        assert_eq!(said_of(check, &[("a.rs", &line)]), [""; 0]);
    }
}
