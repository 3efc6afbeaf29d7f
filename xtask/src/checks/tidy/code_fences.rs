//! Code in documentation is compiled: no fence says `ignore`.

use crate::{
    read::markdown::fence_words,
    report::Finding,
    tree::{TextFile, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let markdown = tree.ending_in(".md").flat_map(|file| {
        file.lines()
            .filter(|(_, line)| is_ignored(line))
            .map(|(line, _)| finding(file, line))
    });
    let rust = tree.rust_files().flat_map(|(file, outline)| {
        let docs = outline.comments.iter();
        docs.filter(|comment| is_ignored(without_slashes(&comment.text)))
            .map(|comment| finding(file, comment.line))
    });
    markdown.chain(rust).collect()
}

fn finding(file: &TextFile, line: usize) -> Finding {
    Finding::at(
        &file.path,
        line,
        "this code is never compiled",
        "drop `ignore`; take `no_run` for the real service, `text` for what is no Rust",
    )
}

fn is_ignored(line: &str) -> bool {
    let words = fence_words(line).unwrap_or_default();
    words
        .iter()
        .any(|word| *word == "ignore" || word.starts_with("ignore-"))
}

fn without_slashes(comment: &str) -> &str {
    comment.trim_start_matches(['/', '!', '*', ' '])
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn ignored_code_is_found_in_markdown_and_in_rustdoc() {
        let files = [
            ("a.md", "# A\n```rust,ignore\nx\n```\n"),
            ("b.rs", "//! B.\n//! ```ignore\n//! x\n//! ```\n"),
            ("c.rs", "//! C.\n/// ```ignore-windows\n/// ```\nfn c() {}\n"),
        ];
        let places: Vec<_> = said_of(check, &files)
            .into_iter()
            .map(|said| said.split(": ").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(places, ["a.md:2", "b.rs:2", "c.rs:2"]);
    }

    #[test]
    fn other_fences_are_fine() {
        let files = [
            ("a.md", "We ignore this:\n```rust,no_run\nx\n```\n"),
            ("b.rs", "//! B.\nconst B: &str = \"\n```ignore\n\";\n"),
        ];
        assert_eq!(said_of(check, &files), [""; 0]);
    }
}
