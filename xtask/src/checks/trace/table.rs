//! The table that shows which tests claim which row.

use std::{collections::BTreeSet, fmt::Write};

use super::{LIST, Row, claims::Claim};

/// Renders the whole page.
pub(super) fn render(rows: &[Row], claims: &[Claim]) -> String {
    let name = LIST.trim_start_matches("docs/");
    let mut page = format!(
        "\
# Requirements and their tests

Written by `cargo xtask trace --fix` from [{name}]({name}) and from the tests' doc comments. A row is a requirement of
one document, in this project's words; the same id in two documents is two rows. An exception is deliberate, and its
tests claim the row too.
"
    );
    for rows in rows.chunk_by(|one, next| one.document == next.document) {
        let heading = "| id | what must hold | tests |\n| --- | --- | --- |";
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n## {}: {} rows\n\n{heading}", rows[0].document, rows.len());
        for row in rows {
            let except = row.except.as_ref().map(|except| format!(" **Except:** {except}"));
            let says = (row.says.clone() + &except.unwrap_or_default()).replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {says} | {} |", row.id, tests_of(row, claims));
        }
    }
    page + "\n" + &closing_line(rows, claims) + "\n"
}

/// `78 of 78 rows covered`
pub(super) fn closing_line(rows: &[Row], claims: &[Claim]) -> String {
    let covered = rows
        .iter()
        .filter(|row| claims.iter().any(|claim| claim.row == **row))
        .count();
    format!("{covered} of {} rows covered", rows.len())
}

/// Links without line numbers, which every edit would make stale.
fn tests_of(row: &Row, claims: &[Claim]) -> String {
    let claims = claims.iter().filter(|claim| claim.row == *row);
    let links = claims.map(|claim| {
        let name = claim.test.1.rsplit("::").next().unwrap_or_default();
        format!("[`{name}`](../{})", claim.file)
    });
    let links: Vec<_> = links.collect::<BTreeSet<_>>().into_iter().collect();
    if links.is_empty() {
        "none".to_owned()
    } else {
        links.join("<br>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_shows_its_exception_and_its_tests() {
        let mut rows = [Row::of("new", "SRS_1"), Row::of("new", "SRS_2")];
        rows[1].except = Some("a 404 | [ADR 1](adr/0001.md).".to_owned());
        let claim = |name: &str| Claim {
            row: rows[0].clone(),
            test: ("a".to_owned(), format!("b::{name}")),
            file: "crates/a/src/b.rs".to_owned(),
            place: String::new(),
        };
        let page = render(&rows, &[claim("second"), claim("first")]);
        let expected = "
## new: 2 rows

| id | what must hold | tests |
| --- | --- | --- |
| `SRS_1` | It works \\| it fails. | [`first`](../crates/a/src/b.rs)<br>[`second`](../crates/a/src/b.rs) |
| `SRS_2` | It works \\| it fails. **Except:** a 404 \\| [ADR 1](adr/0001.md). | none |

1 of 2 rows covered
";
        assert!(page.ends_with(expected), "{page}");
    }
}
