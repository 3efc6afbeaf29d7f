//! `links`: a relative link in a Markdown file leads to a file that exists, and to a heading of it or, in Rust, to a
//! function: pages name the tests that prove what they say. Every example is named by a test, which runs it: cargo by
//! itself only builds examples.

use std::{collections::BTreeSet, path::Path};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::{
    files::{TextFile, line_at, with_extension},
    report::Report,
    shell,
};

pub(crate) fn run() -> Report {
    let root = shell::root();
    let pages = with_extension(&root, "md");
    let mut findings: Vec<_> = pages.iter().flat_map(|page| broken_links(&root, page)).collect();
    findings.extend(idle_examples(&with_extension(&root, "rs")));
    Report::from(findings).noting(format!("{} pages", pages.len()))
}

fn broken_links(root: &Path, page: &TextFile) -> Vec<String> {
    let mut findings = vec![];
    for (event, range) in Parser::new(&page.text).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url: target, .. } | Tag::Image { dest_url: target, .. }) = event
            && !target.contains("://")
            && !target.starts_with("mailto:")
            && !leads_somewhere(root, page, &target)
        {
            let line = line_at(&page.text, range.start);
            findings.push(format!(
                "{}:{line}: `{target}` leads nowhere (correct or remove it)",
                page.path
            ));
        }
    }
    findings
}

fn leads_somewhere(root: &Path, page: &TextFile, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let page = root.join(&page.path);
    let path = if path.is_empty() {
        page
    } else {
        page.with_file_name(path)
    };
    let Ok(found) = path.canonicalize() else {
        return false;
    };
    let is_inside = root.canonicalize().is_ok_and(|root| found.starts_with(root));
    is_inside && (anchor.is_empty() || has_anchor(&found, anchor))
}

fn has_anchor(path: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => anchors(&text).contains(anchor),
        Some("rs") => text.contains(&format!("fn {anchor}(")),
        _ => false,
    }
}

/// The anchors of a page's headings, as forges make them: lower case, hyphens for spaces, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|heading| anchor_of(&heading))),
            _ => {}
        }
    }
    anchors
}

fn anchor_of(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

fn idle_examples(files: &[TextFile]) -> impl Iterator<Item = String> {
    let examples = files
        .iter()
        .filter_map(|file| Some((file, file.path.split_once("/examples/")?)));
    let idle = examples.filter(|(_, (folder, name))| {
        let (tests, wanted) = (format!("{folder}/tests/"), format!("examples/{name}"));
        !files
            .iter()
            .any(|file| file.path.starts_with(&tests) && file.text.contains(&wanted))
    });
    idle.map(|(file, (_, name))| {
        format!(
            "{}:1: no test runs this example (run it in a test that names `examples/{name}`)",
            file.path
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a folder");
        let page = TextFile {
            path: "docs/a.md".to_owned(),
            text: text.to_owned(),
        };
        fs::create_dir_all(root.path().join("docs/b")).expect("a folder");
        for (path, text) in [
            ("docs/a.md", text),
            ("docs/b/c.md", "# The `C`, again\n"),
            ("README.md", "# R\n"),
            ("docs/test.rs", "fn it_holds() {}\n"),
        ] {
            fs::write(root.path().join(path), text).expect("a file");
        }
        broken_links(root.path(), &page)
    }

    #[test]
    fn links_to_what_exists_are_fine() {
        let good = "# A\n[c](b/c.md) [c](b/c.md#the-c-again) [r](../README.md) [d](b/) [self](#a) [top](..)\n\
            [holds](test.rs#it_holds) [web](https://example.com/x) [mail](mailto:a@example.com)\n```\n[code](no)\n```\n";
        assert_eq!(findings(good), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for bad in ["c.md", "b/c.md#no", "/absolute/x", "../../x", "#no", "test.rs#holds"] {
            let expected = format!("docs/a.md:3: `{bad}` leads nowhere (correct or remove it)");
            assert_eq!(findings(&format!("# A\n\n[x]({bad})\n")), [expected]);
        }
    }

    #[test]
    fn an_example_that_no_test_of_its_crate_names_is_found() {
        let file = |path: &str, text: &str| TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let example = || file("crates/a/examples/shown.rs", "fn main() {}\n");
        let test = |krate| {
            file(
                &format!("crates/{krate}/tests/suite/it.rs"),
                "#[path = \"../../examples/shown.rs\"]\n",
            )
        };
        assert_eq!(idle_examples(&[example(), test("a")]).count(), 0);
        let idle: Vec<_> = idle_examples(&[example(), test("b")]).collect();
        assert!(
            idle[0].starts_with("crates/a/examples/shown.rs:1: no test runs this example"),
            "{idle:?}"
        );
    }
}
