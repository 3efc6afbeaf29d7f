//! The requirement rows, read from their list.

use std::collections::BTreeSet;

use serde_json::Value;

use super::LIST;
use crate::{
    report::Finding,
    tree::{TextFile, Tree},
};

/// A requirement of one document. The same id in two documents is two rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) document: String,
    pub(super) id: String,
    /// What must hold, in this project's words.
    pub(super) says: String,
    /// Where the list has it.
    pub(super) line: usize,
}

/// Reads the list; what is wrong with it goes to `findings`.
pub(super) fn read(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<Row> {
    let Some(file) = tree.file(LIST) else {
        findings.push(Finding::at(
            LIST,
            1,
            "the list of requirements is missing",
            "bring it back",
        ));
        return Vec::new();
    };
    let list: Value = match serde_json::from_str(&file.text) {
        Ok(list) => list,
        Err(error) => {
            findings.push(Finding::at(LIST, error.line(), error.to_string(), "write it as JSON"));
            return Vec::new();
        }
    };
    let rows = rows(file, &list, findings);
    findings.extend(wrong_counts(file, &list, &rows));
    rows
}

fn rows(file: &TextFile, list: &Value, findings: &mut Vec<Finding>) -> Vec<Row> {
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    for value in list["rows"].as_array().into_iter().flatten() {
        let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (Some(document), Some(id), Some(says)) = (text("document"), text("id"), text("says")) else {
            let what = format!("this row is incomplete: {value}");
            findings.push(Finding::at(LIST, 1, what, "give it `document`, `id` and `says`"));
            continue;
        };
        let line = line_of(file, &document, &id);
        if !known.insert((document.clone(), id.clone())) {
            let what = format!("{document}: {id} is listed twice");
            findings.push(Finding::at(LIST, line, what, "keep one"));
        }
        rows.push(Row {
            document,
            id,
            says,
            line,
        });
    }
    rows
}

/// Each row stands on a line of its own.
fn line_of(file: &TextFile, document: &str, id: &str) -> usize {
    let wanted = [document, id].map(|text| format!("\"{text}\""));
    let mut lines = file.lines();
    let line = lines.find(|(_, text)| wanted.iter().all(|part| text.contains(part)));
    line.map_or(1, |(number, _)| number)
}

/// How many rows each document has is said beside them, so that none gets lost unseen.
fn wrong_counts(file: &TextFile, list: &Value, rows: &[Row]) -> Vec<Finding> {
    let mut documents: BTreeSet<&str> = rows.iter().map(|row| row.document.as_str()).collect();
    let counts = list["documents"].as_object();
    documents.extend(counts.into_iter().flatten().map(|(document, _)| document.as_str()));
    let wrong = documents.into_iter().filter_map(|document| {
        let count = rows.iter().filter(|row| row.document == document).count();
        let said = list["documents"][document].as_u64();
        (said != u64::try_from(count).ok()).then(|| {
            let said = said.map_or("nothing".to_owned(), |said| said.to_string());
            let what = format!("{document} has {count} rows, and the count says {said}");
            Finding::at(
                LIST,
                file.line_of(&format!("\"{document}\"")),
                what,
                "find the lost row",
            )
        })
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Row>, Vec<String>) {
        let mut findings = Vec::new();
        let rows = read(&Tree::of(&[(LIST, text)]), &mut findings);
        (rows, findings.iter().map(ToString::to_string).collect())
    }

    const ONE: &str = r#"{
  "documents": {"a": 1},
  "rows": [
    {"document": "a", "id": "SRS_1", "says": "It works."}
  ]
}
"#;

    #[test]
    fn rows_are_read_with_their_lines() {
        let (rows, findings) = read_text(ONE);
        assert_eq!(findings, [""; 0]);
        assert_eq!((rows.len(), rows[0].line, rows[0].says.as_str()), (1, 4, "It works."));
    }

    #[test]
    fn a_lost_row_is_found_by_the_count() {
        let (_, findings) = read_text(&ONE.replace("\"a\": 1", "\"a\": 2"));
        let expected = "docs/requirements.json:2: a has 1 rows, and the count says 2 (find the lost row)";
        assert_eq!(findings, [expected]);
        let (_, findings) = read_text(&ONE.replace("\"a\": 1", "\"a\": 1, \"b\": 3"));
        assert_eq!(findings.len(), 1);
        let (_, findings) = read_text(&ONE.replace("{\"a\": 1}", "{}"));
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn a_row_listed_twice_or_incomplete_is_found() {
        let row = r#"{"document": "a", "id": "SRS_1", "says": "It works."}"#;
        let twice = ONE
            .replace(row, &format!("{row},\n{row}"))
            .replace("\"a\": 1", "\"a\": 2");
        assert_eq!(
            read_text(&twice).1,
            ["docs/requirements.json:4: a: SRS_1 is listed twice (keep one)"]
        );
        let (_, findings) = read_text(&ONE.replace("It works.", ""));
        assert!(findings[0].contains("incomplete"), "{findings:?}");
    }

    #[test]
    fn a_list_that_is_missing_or_broken_is_found() {
        assert_eq!(read_text("{").1.len(), 1);
        let mut findings = Vec::new();
        assert_eq!(read(&Tree::of(&[]), &mut findings), []);
        assert_eq!(findings.len(), 1);
    }
}
