//! The claims in the tests' doc comments: which test says that it shows which row.

use syn::{Attribute, Item, ItemFn, spanned::Spanned};

use super::{Row, inventory::Test};
use crate::files::TextFile;

/// A test's claim to show a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) row: Row,
    pub(super) test: Test,
    /// From the root.
    pub(super) file: String,
    /// `file:line`.
    pub(super) place: String,
}

/// Finds the claims in the crates' sources and tests. A comment that names a row and is no claim is a finding: a slip
/// of the pen must not lose it.
pub(super) fn find(files: &[TextFile], rows: &[Row]) -> (Vec<Claim>, Vec<String>) {
    let (mut claims, mut findings) = (vec![], vec![]);
    for file in files {
        let Some(mut reader) = Reader::of(file, rows) else {
            continue;
        };
        match syn::parse_file(&file.text) {
            Ok(parsed) => reader.read(&parsed.items),
            Err(error) => findings.push(format!("crates/{}: {error}", file.path)),
        }
        findings.extend(reader.comments_that_claim_nothing());
        claims.extend(reader.claims);
    }
    (claims, findings)
}

struct Reader<'a> {
    text: &'a str,
    file: String,
    krate: String,
    modules: Vec<String>,
    rows: &'a [Row],
    claims: Vec<Claim>,
}

impl<'a> Reader<'a> {
    /// `None` for a file that names no row, or that is neither in `src` nor in `tests`.
    fn of(file: &'a TextFile, rows: &'a [Row]) -> Option<Self> {
        let mut parts = file.path.trim_end_matches(".rs").split('/').map(str::to_owned);
        let (krate, kind) = (parts.next()?, parts.next()?);
        let mut modules: Vec<_> = match kind.as_str() {
            "src" => parts.collect(),
            // The first is the program.
            "tests" => parts.skip(1).collect(),
            _ => return None,
        };
        modules.pop_if(|last| matches!(last.as_str(), "lib" | "main" | "mod"));
        file.text.contains("SRS_").then(|| Self {
            text: &file.text,
            file: format!("crates/{}", file.path),
            krate,
            modules,
            rows,
            claims: vec![],
        })
    }

    fn read(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Mod(module) => {
                    self.modules.push(module.ident.to_string());
                    self.read(module.content.as_ref().map_or(&[], |(_, items)| items));
                    self.modules.pop();
                }
                Item::Fn(function) if function.attrs.iter().any(is_test) => self.read_test(function),
                _ => {}
            }
        }
    }

    fn read_test(&mut self, function: &ItemFn) {
        let mut name = self.modules.clone();
        name.push(function.sig.ident.to_string());
        let test = (self.krate.clone(), name.join("::"));
        let docs = function
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("doc"));
        for line in docs.map(|doc| doc.span().start().line) {
            let text = self.text.lines().nth(line - 1).unwrap_or_default().trim_start();
            let claimed = text.strip_prefix("/// ").and_then(|text| text.split_once(": "));
            let row = self.rows.iter().find(|row| claimed == Some((&row.document, &row.id)));
            self.claims.extend(row.map(|row| Claim {
                row: row.clone(),
                test: test.clone(),
                file: self.file.clone(),
                place: format!("{}:{line}", self.file),
            }));
        }
    }

    fn comments_that_claim_nothing(&self) -> impl Iterator<Item = String> {
        let comments = (1..)
            .zip(self.text.lines())
            .filter(|(_, line)| line.trim_start().starts_with("//"));
        let places = comments
            .filter(|(_, line)| line.contains("SRS_"))
            .map(|(line, _)| format!("{}:{line}", self.file));
        let idle = places.filter(|place| !self.claims.iter().any(|claim| claim.place == *place));
        idle.map(|place| {
            format!(
                "{place}: this names a requirement and claims none (write `/// document: ID` directly above a test)"
            )
        })
    }
}

/// `#[test]`, `#[tokio::test]`.
fn is_test(attribute: &Attribute) -> bool {
    let name = attribute.path().segments.last();
    name.is_some_and(|name| name.ident == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(path: &str, text: &str) -> (Vec<Claim>, Vec<String>) {
        let rows = [
            Row::of("old", "SRS_1"),
            Row::of("new", "SRS_1"),
            Row::of("new", "SRS_2"),
        ];
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        find(&[file], &rows)
    }

    #[test]
    fn a_test_claims_rows_among_its_other_documentation() {
        let text = "\
#[cfg(test)]
mod tests {
    /// It waits.
    /// old: SRS_1
    #[tokio::test(start_paused = true)]
    /// new: SRS_2
    async fn it_waits() {}
}
";
        for (path, name) in [
            ("a/src/b/c.rs", "b::c::tests::it_waits"),
            ("a/src/lib.rs", "tests::it_waits"),
            ("a/tests/suite/b/mod.rs", "b::tests::it_waits"),
        ] {
            let (claims, findings) = find_in(path, text);
            assert_eq!(findings, [""; 0]);
            let found: Vec<_> = claims
                .iter()
                .map(|claim| (claim.row.document.as_str(), claim.place.as_str()))
                .collect();
            let place = |line| format!("crates/{path}:{line}");
            assert_eq!(found, [("old", place(4).as_str()), ("new", place(6).as_str())]);
            assert_eq!(claims[0].test, ("a".to_owned(), name.to_owned()));
        }
    }

    #[test]
    fn a_comment_that_claims_nothing_is_found() {
        for (comment, below) in [
            ("/// new: SRS_1", "fn helper() {}"),
            ("/// new: SRS_3", "#[test]\nfn a() {}"),
            ("/// old: SRS_2", "#[test]\nfn a() {}"),
            ("// new: SRS_1", "#[test]\nfn a() {}"),
            ("/// new:SRS_1", "#[test]\nfn a() {}"),
            ("/// new: SRS_1, SRS_2", "#[test]\nfn a() {}"),
            ("/// new: SRS_1.", "#[test]\nfn a() {}"),
        ] {
            let (claims, findings) = find_in("a/src/b.rs", &format!("{comment}\n{below}\n"));
            assert_eq!((claims.len(), findings.len()), (0, 1), "{comment}");
            assert!(
                findings[0].starts_with("crates/a/src/b.rs:1: this names a requirement"),
                "{findings:?}"
            );
        }
    }
}
