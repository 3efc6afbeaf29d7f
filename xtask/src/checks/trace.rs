//! `trace`: every requirement row is claimed by a test that exists and runs, and the table that shows it is fresh.
//!
//! A row is a requirement of one document; `docs/requirements.json` lists them. A test claims rows by lines of its doc
//! comment, one row a line: `/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_002`.

mod claims;
mod inventory;
mod rows;
mod table;

use std::{fs, io};

use self::{claims::Claim, rows::Row};
use super::{Check, Context};
use crate::{
    report::{Finding, Report},
    tree::Tree,
};

pub(super) const CHECK: Check = Check {
    name: "trace",
    about: "every requirement has a test that runs",
    can_fix: true,
    in_ci: true,
    run,
};

/// Where the rows are listed.
const LIST: &str = "docs/requirements.json";
/// Where the table is written.
const TABLE: &str = "docs/requirements-trace.md";

fn run(context: &Context) -> Report {
    let tree = match Tree::load(&context.root) {
        Ok(tree) => tree,
        Err(error) => return Report::failed(Finding::general(error.to_string(), "make it readable")),
    };
    let mut findings = Vec::new();
    let rows = rows::read(&tree, &mut findings);
    let claims = claims::find(&tree, &rows, &mut findings);
    let programs = match inventory::load(context) {
        Ok(programs) => programs,
        Err(why) => {
            findings.push(Finding::general(why, "see above"));
            return super::found(findings);
        }
    };
    let (proven, unproven) = inventory::prove(claims, &programs);
    findings.extend(unproven);
    findings.extend(without_test(&rows, &proven));
    findings.extend(table_is_fresh(context, &table::render(&rows, &proven)));
    Report {
        note: table::closing_line(&rows, &proven),
        ..super::found(findings)
    }
}

fn without_test<'a>(rows: &'a [Row], proven: &'a [Claim]) -> impl Iterator<Item = Finding> + 'a {
    let bare = rows.iter().filter(|row| !proven.iter().any(|claim| claim.is_of(row)));
    bare.map(|row| {
        let what = format!("no test claims {}: {}", row.document, row.id);
        let fix = "let the test claim it that would fail without it: see CONTRIBUTING.md";
        Finding::at(LIST, row.line, what, fix)
    })
}

/// Writes the table where it is asked to, and compares it otherwise.
fn table_is_fresh(context: &Context, table: &str) -> Option<Finding> {
    let path = context.root.join(TABLE);
    if context.fix {
        let failed = fs::write(path, table).err()?;
        return Some(Finding::at(TABLE, 1, failed.to_string(), "make it writable"));
    }
    let fix = "run `cargo xtask trace --fix`";
    match fs::read_to_string(path) {
        Ok(present) if present == table => None,
        Ok(present) => {
            let same = present
                .lines()
                .zip(table.lines())
                .take_while(|(one, other)| one == other);
            Some(Finding::at(
                TABLE,
                same.count() + 1,
                "the table is stale from here",
                fix,
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(Finding::at(TABLE, 1, "the table is missing", fix))
        }
        Err(error) => Some(Finding::at(TABLE, 1, error.to_string(), "make it readable")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::TempTree;

    #[test]
    fn every_row_of_this_repository_is_claimed() {
        let tree = Tree::load(&Context::of_this_repository().root).expect("it can be read");
        let mut findings = Vec::new();
        let rows = rows::read(&tree, &mut findings);
        let claims = claims::find(&tree, &rows, &mut findings);
        findings.extend(without_test(&rows, &claims));
        let said: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
    }

    #[test]
    fn a_row_without_a_test_is_found() {
        let row = |id: &str| Row {
            document: "a".to_owned(),
            id: id.to_owned(),
            says: "It works.".to_owned(),
            line: 7,
        };
        let rows = [row("SRS_1"), row("SRS_2")];
        let claim = Claim {
            document: "a".to_owned(),
            id: "SRS_1".to_owned(),
            file: "crates/a/src/lib.rs".to_owned(),
            line: 1,
            modules: vec![],
            function: "f".to_owned(),
        };
        let found: Vec<_> = without_test(&rows, &[claim])
            .map(|finding| finding.to_string())
            .collect();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("docs/requirements.json:7: no test claims a: SRS_2 ("),
            "{found:?}"
        );
    }

    #[test]
    fn a_stale_table_is_found_and_a_fix_writes_it() {
        let root = TempTree::new(&[(TABLE, "# Trace\nold\n")]);
        let mut context = Context {
            root: root.path().to_owned(),
            fix: false,
        };
        let stale = table_is_fresh(&context, "# Trace\nnew\n").expect("it is stale");
        assert!(
            stale.to_string().starts_with("docs/requirements-trace.md:2: "),
            "{stale}"
        );
        context.fix = true;
        assert_eq!(table_is_fresh(&context, "# Trace\nnew\n"), None);
        context.fix = false;
        assert_eq!(table_is_fresh(&context, "# Trace\nnew\n"), None);
        fs::remove_file(root.path().join(TABLE)).expect("it was written");
        assert!(table_is_fresh(&context, "").is_some());
    }
}
