//! Words that must not stay in the code: unfinished work, debugging, tests switched off, lints switched off in silence.

use std::collections::BTreeSet;

use crate::{read::lexer::Token, report::Finding, tree::Tree};

const MACROS: [(&str, &str); 3] = [
    ("todo", "finish it"),
    ("unimplemented", "finish it, or return an error"),
    ("dbg", "remove it, or use tracing"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let test_files = test_files(tree);
    let mut findings = Vec::new();
    for (file, outline) in tree.rust_files() {
        let at = |line, what: String, fix: &str| Finding::at(&file.path, line, what, fix);
        for window in (0..outline.tokens.len()).map(|start| &outline.tokens[start..]) {
            let line = window[0].line;
            if let Some((word, fix)) = left_over_macro(window) {
                findings.push(at(line, format!("`{word}!` is left over"), fix));
            } else if is_unwrap(window) && !outline.is_test_line(line) && !test_files.contains(&file.path) {
                let fix = "return the error, or `expect` with the reason why it cannot happen";
                findings.push(at(line, "`unwrap` outside tests".to_owned(), fix));
            } else if is_glob_export(window) {
                findings.push(at(line, "everything is exported".to_owned(), "export by name"));
            }
        }
        for attribute in &outline.attributes {
            if let Some((what, fix)) = wrong_attribute(&attribute.text) {
                findings.push(at(attribute.line, what.to_owned(), fix));
            }
        }
    }
    findings
}

fn is(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && tokens.iter().zip(words).all(|(token, word)| token.text == *word)
}

fn left_over_macro(tokens: &[Token]) -> Option<(&'static str, &'static str)> {
    MACROS.into_iter().find(|(word, _)| is(tokens, &[word, "!"]))
}

fn is_unwrap(tokens: &[Token]) -> bool {
    is(tokens, &[".", "unwrap", "("])
}

/// `pub use …::*;`, with whatever stands in brackets behind `pub`.
fn is_glob_export(tokens: &[Token]) -> bool {
    let mut rest = tokens.iter().map(|token| token.text.as_str());
    if rest.next() != Some("pub") {
        return false;
    }
    let statement: Vec<_> = rest.take_while(|word| *word != ";" && *word != "{").collect();
    let start = if statement.first() == Some(&"(") {
        statement.iter().position(|word| *word == ")").map_or(0, |at| at + 1)
    } else {
        0
    };
    statement.get(start) == Some(&"use") && statement.last() == Some(&"*")
}

fn wrong_attribute(text: &str) -> Option<(&'static str, &'static str)> {
    if text == "ignore" || text.starts_with("ignore=") {
        return Some(("this test is switched off", "mend it, or remove it"));
    }
    let switches_off = ["allow(", "expect("].iter().any(|word| text.contains(word));
    (switches_off && !text.contains("reason="))
        .then_some(("a lint is switched off without a reason", "add `reason = \"…\"`"))
}

/// The files that are only compiled for tests: integration tests, and modules behind `#[cfg(test)] mod name;`.
fn test_files(tree: &Tree) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = tree
        .rust_files()
        .filter(|(file, _)| file.is_integration_test())
        .map(|(file, _)| file.path.clone())
        .collect();
    for (file, outline) in tree.rust_files() {
        let elsewhere = outline.modules.iter().filter(|module| module.end.is_none());
        for module in elsewhere.filter(|module| module.is_test) {
            let base = format!("{}/{}", folder_of_modules(&file.path), module.name);
            let below = tree.paths.iter().filter(|path| {
                let rest = path.strip_prefix(&base);
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
            found.extend(below.cloned());
        }
    }
    found
}

/// Where the modules of a file lie: `src` for `src/lib.rs`, `src/a` for `src/a.rs`.
fn folder_of_modules(path: &str) -> &str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "lib.rs" | "main.rs" | "mod.rs") {
        folder
    } else {
        path.strip_suffix(".rs").unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    fn said(code: &str) -> Vec<String> {
        said_of(check, &[("crates/a/src/lib.rs", &format!("//! A.\n{code}\n"))])
    }

    #[test]
    fn left_overs_are_found() {
        for bad in [
            "fn a() { todo!() }",
            "fn a() { unimplemented!(\"later\") }",
            "fn a() { dbg!(1); }",
            "fn a() { b().unwrap(); }",
            "fn a() { b()\n.unwrap (); }",
            "#[test]\n#[ignore]\nfn a() {}",
            "#[ignore = \"slow\"]\n#[test]\nfn a() {}",
            "#[allow(dead_code)]\nfn a() {}",
            "#![allow(dead_code)]",
            "#[cfg_attr(test, expect(dead_code))]\nfn a() {}",
            "pub use b::*;",
            "pub(crate) use b::{c, d}; pub(super) use e::*;",
        ] {
            assert_eq!(said(bad).len(), 1, "{bad}: {:?}", said(bad));
        }
    }

    #[test]
    fn what_only_looks_like_it_is_fine() {
        for good in [
            "// todo!() and dbg!() and x.unwrap()\nconst A: &str = \"todo!() .unwrap() #[ignore]\";",
            "fn a() { b().unwrap_or_default(); c().expect(\"it was checked above\"); }",
            "#[allow(dead_code, reason = \"on Windows only\")]\nfn a() {}",
            "pub use b::{c, d};\nuse super::*;",
            "pub const A: usize = b::C * 2;",
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() { c().unwrap(); }\n}",
        ] {
            assert_eq!(said(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn unwrap_is_for_test_files_too() {
        let unwraps = "//! X.\nfn a() { b().unwrap(); }\n";
        let files = [
            ("crates/a/src/lib.rs", "//! A.\n#[cfg(test)]\nmod helpers;\nmod real;\n"),
            ("crates/a/src/helpers.rs", unwraps),
            ("crates/a/src/helpers/more.rs", unwraps),
            ("crates/a/tests/it.rs", unwraps),
            ("crates/a/src/real.rs", unwraps),
            ("crates/a/examples/shown.rs", unwraps),
        ];
        let found = said_of(check, &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].contains("src/real.rs:2") && found[1].contains("examples/shown.rs:2"),
            "{found:?}"
        );
    }
}
