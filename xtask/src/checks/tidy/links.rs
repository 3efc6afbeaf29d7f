//! A relative link in a Markdown file leads to a file that exists, and to a heading (in Rust, a function) that it has.

use crate::{
    read::markdown::{anchors, links},
    report::Finding,
    tree::{TextFile, Tree},
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending_in(".md") {
        for link in links(&file.text) {
            if !is_elsewhere(&link.target) && !leads_somewhere(tree, file, &link.target) {
                let what = format!("`{}` leads nowhere", link.target);
                findings.push(Finding::at(&file.path, link.line, what, "mend or remove the link"));
            }
        }
    }
    findings
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn leads_somewhere(tree: &Tree, from: &TextFile, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        Some(from.path.clone())
    } else {
        resolve(&from.path, path)
    };
    let Some(path) = path else {
        return false;
    };
    let exists = path.is_empty() || tree.paths.contains(&path);
    exists && (anchor.is_empty() || has_anchor(tree, &path, anchor))
}

/// The path from the root; none when it leaves the repository.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Headings are known of Markdown files, functions of Rust files: so does a page name the tests that prove it.
fn has_anchor(tree: &Tree, path: &str, anchor: &str) -> bool {
    match tree.file(path) {
        Some(file) if path.ends_with(".md") => anchors(&file.text).iter().any(|known| known == anchor),
        Some(file) if path.ends_with(".rs") => file.text.contains(&format!("fn {anchor}(")),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    fn said(text: &str) -> Vec<String> {
        let files = [
            ("docs/a.md", text),
            ("docs/b/c.md", "# The C\n"),
            ("README.md", "# R\n"),
            ("docs/test.rs", "//! T.\n#[test]\nfn it_holds() {}\n"),
        ];
        said_of(check, &files)
    }

    #[test]
    fn links_to_what_exists_are_fine() {
        let good = "# A\n[c](b/c.md) [c](b/c.md#the-c) [r](../README.md) [d](b/) [self](#a) [top](..)\n\
            [holds](test.rs#it_holds)\n\
            [web](https://example.com/x) [mail](mailto:a@example.com)\n";
        assert_eq!(said(good), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for bad in [
            "c.md",
            "b/c.md#no",
            "/absolute/x",
            "../../x",
            "#no",
            "../readme.md",
            "test.rs#holds",
        ] {
            let found = said(&format!("# A\n\n[x]({bad})\n"));
            let expected = format!("docs/a.md:3: `{bad}` leads nowhere (mend or remove the link)");
            assert_eq!(found, [expected]);
        }
    }
}
