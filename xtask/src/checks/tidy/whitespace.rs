//! Text files end with one newline and hold no tabs, no carriage returns and no blanks at a line's end.

use crate::{
    report::Finding,
    tree::{TextFile, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .flat_map(|file| in_lines(file).chain(at_the_end(file)))
        .collect()
}

fn in_lines(file: &TextFile) -> impl Iterator<Item = Finding> {
    // `lines()` would hide the carriage returns.
    let lines = (1..).zip(file.text.split('\n'));
    lines.filter_map(|(number, line)| {
        let (what, fix) = if line.contains('\r') {
            ("a carriage return", "end lines with a newline only")
        } else if line.contains('\t') {
            ("a tab", "use blanks")
        } else if line.ends_with(' ') {
            ("a blank at the line's end", "remove it")
        } else {
            return None;
        };
        Some(Finding::at(&file.path, number, what, fix))
    })
}

fn at_the_end(file: &TextFile) -> Option<Finding> {
    let text = file.text.as_str();
    let fine = text.is_empty() || (text.ends_with('\n') && !text.ends_with("\n\n"));
    let what = "the file does not end with one newline";
    (!fine).then(|| Finding::at(&file.path, file.text.lines().count(), what, "end it with one"))
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn blanks_where_none_belong_are_found() {
        for (text, line) in [
            ("a\n\tb\n", 2),
            ("a \nb\n", 1),
            ("a\r\nb\n", 1),
            ("a\nb", 2),
            ("a\n\n", 2),
        ] {
            let found = said_of(check, &[("a.md", text)]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("a.md:{line}: ")), "{found:?}");
        }
    }

    #[test]
    fn clean_and_empty_files_are_fine() {
        assert_eq!(said_of(check, &[("a.md", "a\n\nb\n"), ("b", "")]), [""; 0]);
    }
}
