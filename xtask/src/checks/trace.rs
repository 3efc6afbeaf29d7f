//! `trace`: every requirement row is claimed by a test that exists and runs, and the table that shows it is fresh.
//!
//! A row is a requirement of one document; `docs/requirements.json` lists them. A test claims rows by lines of its doc
//! comment, one row a line: `/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_002`.

mod claims;
mod inventory;
mod table;

use std::{collections::BTreeMap, fs};

use serde::Deserialize;

use self::claims::Claim;
use crate::{files::with_extension, report::Report, shell};

/// Where the rows are listed.
const LIST: &str = "docs/requirements.json";
/// Where the table is written.
const TABLE: &str = "docs/requirements-trace.md";

/// The rows, and how many each document has, so that none is lost unseen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    documents: BTreeMap<String, usize>,
    rows: Vec<Row>,
}

/// A requirement of one document. The same id in two documents is two rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    document: String,
    id: String,
    /// What must hold, in this project's words.
    says: String,
    /// Where this project deviates from it on purpose, and the decision that says why.
    #[serde(default)]
    except: Option<String>,
}

pub(crate) fn run(fix: bool) -> Report {
    checked(fix).unwrap_or_else(|why| [why].into())
}

/// An error is what makes everything after it pointless.
fn checked(fix: bool) -> Result<Report, String> {
    let root = shell::root();
    let list = fs::read_to_string(root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let list: List = serde_json::from_str(&list).map_err(|error| format!("{LIST}: {error}"))?;
    let (claims, mut findings) = claims::find(&with_extension(&root.join("crates"), "rs"), &list.rows);
    let tests = inventory::load()?;
    let (proven, unproven): (Vec<_>, Vec<_>) = claims.into_iter().partition(|claim| tests.contains(&claim.test));
    findings.extend(unproven.iter().map(|claim| {
        format!(
            "{}: no program runs the test `{}` (declare its file as a module)",
            claim.place, claim.test.1
        )
    }));
    findings.extend(lost_rows(&list));
    findings.extend(bare_rows(&list.rows, &proven));

    let table = table::render(&list.rows, &proven);
    let path = root.join(TABLE);
    if fix {
        fs::write(&path, &table).map_err(|error| format!("{TABLE}: {error}"))?;
    } else if fs::read_to_string(path).ok().as_ref() != Some(&table) {
        findings.push(format!("{TABLE}:1: the table is stale (run `cargo xtask trace --fix`)"));
    }
    Ok(Report::from(findings).noting(table::closing_line(&list.rows, &proven)))
}

fn lost_rows(list: &List) -> Option<String> {
    let mut counts = BTreeMap::new();
    for row in &list.rows {
        *counts.entry(row.document.clone()).or_insert(0) += 1;
    }
    let said = &list.documents;
    (counts != *said).then(|| format!("{LIST}: there are {counts:?} rows, the list says {said:?} (find the lost row)"))
}

fn bare_rows(rows: &[Row], claims: &[Claim]) -> impl Iterator<Item = String> {
    let bare = rows.iter().filter(|row| !claims.iter().any(|claim| claim.row == **row));
    bare.map(|row| {
        format!(
            "{LIST}: no test claims {}: {} (see CONTRIBUTING.md)",
            row.document, row.id
        )
    })
}

#[cfg(test)]
impl Row {
    fn of(document: &str, id: &str) -> Self {
        let [document, id, says] = [document, id, "It works | it fails."].map(str::to_owned);
        Self {
            document,
            id,
            says,
            except: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_and_a_row_without_a_test_are_found() {
        let list = r#"{"documents": {"a": 2}, "rows": [{"document": "a", "id": "SRS_1", "says": "It works."}]}"#;
        let list: List = serde_json::from_str(list).expect("a list");
        assert!(lost_rows(&list).is_some());
        let bare: Vec<_> = bare_rows(&list.rows, &[]).collect();
        assert_eq!(
            bare,
            ["docs/requirements.json: no test claims a: SRS_1 (see CONTRIBUTING.md)"]
        );
        let claim = Claim {
            row: list.rows[0].clone(),
            test: Default::default(),
            file: String::new(),
            place: String::new(),
        };
        assert_eq!(bare_rows(&list.rows, &[claim]).count(), 0);
    }
}
