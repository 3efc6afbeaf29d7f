//! The claims in the tests' doc comments: which test says that it shows which row.

use super::rows::Row;
use crate::{
    read::{lexer::Comment, outline::Outline},
    report::Finding,
    tree::{TextFile, Tree},
};

/// A test's claim to show a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) document: String,
    pub(super) id: String,
    pub(super) file: String,
    pub(super) line: usize,
    /// The inline modules around the test.
    pub(super) modules: Vec<String>,
    pub(super) function: String,
}

impl Claim {
    /// Whether it is this row that is claimed.
    pub(super) fn is_of(&self, row: &Row) -> bool {
        self.document == row.document && self.id == row.id
    }
}

/// Finds the claims in the crates' sources and tests; what only looks like one goes to `findings`.
pub(super) fn find(tree: &Tree, rows: &[Row], findings: &mut Vec<Finding>) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (file, outline) in tree.rust_files().filter(|(file, _)| may_claim(&file.path)) {
        for comment in &outline.comments {
            match read(comment, rows) {
                Reading::Prose => {}
                Reading::Claim(document, id) => match claim(file, outline, comment, document, id) {
                    Ok(claim) if rows.iter().any(|row| claim.is_of(row)) => claims.push(claim),
                    Ok(_) => findings.push(unknown(file, comment, document, id)),
                    Err(finding) => findings.push(finding),
                },
                Reading::Mistake => findings.push(mistake(file, comment)),
            }
        }
    }
    claims
}

/// `crates/*/src` and `crates/*/tests`.
fn may_claim(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("crates") && matches!(parts.nth(1), Some("src" | "tests"))
}

enum Reading<'a> {
    Prose,
    Claim(&'a str, &'a str),
    Mistake,
}

/// A comment that begins as a claim does has to be one: a slip of the pen must not lose it.
fn read<'a>(comment: &'a Comment, rows: &[Row]) -> Reading<'a> {
    let exact = comment.text.strip_prefix("/// ").and_then(|text| text.split_once(": "));
    if let Some((document, id)) = exact
        && is_word(document)
        && is_word(id)
        && id.starts_with("SRS_")
    {
        return Reading::Claim(document, id);
    }
    let text = comment.text.trim_start_matches(['/', '!', '*', ' ', '-']);
    let begins_as_claim = text.starts_with("SRS_")
        || rows.iter().any(|row| {
            let rest = text.strip_prefix(row.document.as_str());
            rest.is_some_and(|rest| rest.trim_start().starts_with(':') || rest.contains("SRS_"))
        });
    if begins_as_claim {
        Reading::Mistake
    } else {
        Reading::Prose
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn claim(file: &TextFile, outline: &Outline, comment: &Comment, document: &str, id: &str) -> Result<Claim, Finding> {
    let at = |what: String, fix| Finding::at(&file.path, comment.line, what, fix);
    let below = outline.functions.iter().find(|one| one.head.contains(&comment.line));
    let Some(function) = below.filter(|function| function.is_test()) else {
        let what = format!("the claim of {document}: {id} stands over something that is no test");
        return Err(at(what, "move it directly above a test"));
    };
    Ok(Claim {
        document: document.to_owned(),
        id: id.to_owned(),
        file: file.path.clone(),
        line: comment.line,
        modules: function.modules.clone(),
        function: function.name.clone(),
    })
}

fn unknown(file: &TextFile, comment: &Comment, document: &str, id: &str) -> Finding {
    let what = format!("{document}: {id} is no requirement");
    Finding::at(&file.path, comment.line, what, "see docs/requirements.json")
}

fn mistake(file: &TextFile, comment: &Comment) -> Finding {
    let what = format!("`{}` begins as a claim and is none", comment.text);
    Finding::at(
        &file.path,
        comment.line,
        what,
        "write `/// document: ID` and nothing else on the line",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "crates/a/src/b.rs";

    fn find_in(path: &str, source: &str) -> (Vec<Claim>, Vec<String>) {
        let row = |document: &str, id: &str| Row {
            document: document.to_owned(),
            id: id.to_owned(),
            says: "It works.".to_owned(),
            line: 1,
        };
        let rows = [row("old", "SRS_1"), row("new", "SRS_1"), row("new", "SRS_2")];
        let mut findings = Vec::new();
        let claims = find(&Tree::of(&[(path, source)]), &rows, &mut findings);
        (claims, findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_test_claims_rows_among_its_other_documentation() {
        let source = "\
//! B.
#[cfg(test)]
mod tests {
    /// It waits; see SRS_1 of old.
    /// old: SRS_1
    #[tokio::test(start_paused = true)]
    /// new: SRS_2
    async fn it_waits() {}
}
";
        let (claims, findings) = find_in(PATH, source);
        assert_eq!(findings, [""; 0]);
        let found: Vec<_> = claims
            .iter()
            .map(|one| (one.document.as_str(), one.id.as_str(), one.line))
            .collect();
        assert_eq!(found, [("old", "SRS_1", 5), ("new", "SRS_2", 7)]);
        assert_eq!(
            (claims[0].modules[0].as_str(), claims[0].function.as_str()),
            ("tests", "it_waits")
        );
    }

    #[test]
    fn a_claim_over_something_else_is_found() {
        for below in [
            "fn helper() {}",
            "struct A;",
            "const A: u8 = 1;\n#[test]\nfn a_test() {}",
            "mod tests {\n#[test]\nfn a_test() {}\n}",
            "",
        ] {
            let (claims, findings) = find_in(PATH, &format!("//! B.\n/// new: SRS_1\n{below}\n"));
            assert_eq!(claims, [], "{below}");
            assert!(
                findings[0].starts_with("crates/a/src/b.rs:2: the claim of new: SRS_1 stands over"),
                "{below}"
            );
        }
    }

    #[test]
    fn a_claim_of_an_unknown_row_is_found() {
        for claim in ["new: SRS_3", "old: SRS_2", "other: SRS_1"] {
            let (claims, findings) = find_in(PATH, &format!("//! B.\n/// {claim}\n#[test]\nfn a() {{}}\n"));
            assert_eq!((claims.len(), findings.len()), (0, 1), "{claim}");
            assert!(findings[0].contains("is no requirement"), "{findings:?}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_found() {
        for slip in [
            "// new: SRS_1",
            "/// new:SRS_1",
            "/// new: SRS_1, SRS_2",
            "/// new: SRS_1.",
            "/// SRS_1",
            "/// new: 18_011",
            "/// - new: SRS_1",
            "//! new: SRS_1",
        ] {
            let (claims, findings) = find_in(PATH, &format!("//! B.\n{slip}\n#[test]\nfn a() {{}}\n"));
            assert_eq!((claims.len(), findings.len()), (0, 1), "{slip}");
            assert!(findings[0].contains("begins as a claim"), "{findings:?}");
        }
    }

    #[test]
    fn prose_and_other_places_claim_nothing() {
        let prose = "//! B.\n/// Waits, as SRS_1 asks; the old: and the new: one.\nfn a() {}\n";
        assert_eq!(find_in(PATH, prose), (vec![], vec![]));
        let elsewhere = "//! X.\n/// new: SRS_1\n#[test]\nfn a() {}\n";
        assert_eq!(find_in("crates/a/examples/x.rs", elsewhere), (vec![], vec![]));
        assert_eq!(find_in("xtask/src/lib.rs", elsewhere), (vec![], vec![]));
        assert_eq!(find_in("crates/a/tests/x.rs", elsewhere).0.len(), 1);
    }
}
