//! The table that shows which tests claim which row.

use std::{collections::BTreeSet, fmt::Write};

use super::{LIST, claims::Claim, rows::Row};

/// Renders the whole page.
pub(super) fn render(rows: &[Row], claims: &[Claim]) -> String {
    let name = LIST.trim_start_matches("docs/");
    let mut page = format!(
        "\
# Requirements and their tests

Written by `cargo xtask trace --fix` from [{name}]({name}) and from the tests' doc comments. A row is a requirement of
one document, in this project's words; the same id in two documents is two rows.
"
    );
    let mut document = "";
    for row in rows {
        if row.document != document {
            document = &row.document;
            page.push_str(&heading(document, rows));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} |",
            row.id,
            escaped(&row.says),
            tests_of(row, claims)
        );
    }
    page + "\n" + &closing_line(rows, claims) + "\n"
}

/// `78 of 78 rows covered`
pub(super) fn closing_line(rows: &[Row], claims: &[Claim]) -> String {
    let is_covered = |row: &&Row| claims.iter().any(|claim| claim.is_of(row));
    let covered = rows.iter().filter(is_covered).count();
    format!("{covered} of {} rows covered", rows.len())
}

fn heading(document: &str, rows: &[Row]) -> String {
    let count = rows.iter().filter(|row| row.document == document).count();
    format!("\n## {document}: {count} rows\n\n| id | what must hold | tests |\n| --- | --- | --- |\n")
}

/// Links without line numbers, which every edit would make stale.
fn tests_of(row: &Row, claims: &[Claim]) -> String {
    let links: BTreeSet<_> = claims
        .iter()
        .filter(|claim| claim.is_of(row))
        .map(|claim| format!("[`{}`](../{})", claim.function, claim.file))
        .collect();
    if links.is_empty() {
        return "none".to_owned();
    }
    links.into_iter().collect::<Vec<_>>().join("<br>")
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_shows_its_tests() {
        let row = |document: &str, id: &str| Row {
            document: document.to_owned(),
            id: id.to_owned(),
            says: "It works | it fails.".to_owned(),
            line: 1,
        };
        let claim = |document: &str, id: &str, function: &str| Claim {
            document: document.to_owned(),
            id: id.to_owned(),
            file: "crates/a/src/b.rs".to_owned(),
            line: 1,
            modules: vec![],
            function: function.to_owned(),
        };
        let rows = [row("old", "SRS_1"), row("new", "SRS_1"), row("new", "SRS_2")];
        let claims = [
            claim("new", "SRS_1", "second"),
            claim("new", "SRS_1", "first"),
            claim("old", "SRS_1", "first"),
        ];
        let page = render(&rows, &claims);
        let expected = "
## old: 1 rows

| id | what must hold | tests |
| --- | --- | --- |
| `SRS_1` | It works \\| it fails. | [`first`](../crates/a/src/b.rs) |

## new: 2 rows

| id | what must hold | tests |
| --- | --- | --- |
| `SRS_1` | It works \\| it fails. | [`first`](../crates/a/src/b.rs)<br>[`second`](../crates/a/src/b.rs) |
| `SRS_2` | It works \\| it fails. | none |

2 of 3 rows covered
";
        assert!(page.ends_with(expected), "{page}");
    }
}
