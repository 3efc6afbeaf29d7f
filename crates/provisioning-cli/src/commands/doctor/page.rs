//! `docs/troubleshooting.md`, against the program: every kind, error code and finding code is on the page, with the
//! program's own hint, and what the page quotes is in the source.

use std::{collections::HashSet, ffi::OsStr, fs, path::Path};

use provisioning_device::{ErrorCode, ErrorKind};

use super::code::Code;
use crate::output::{failure::Failure, kind::Kind, section::Section};

const PAGE: &str = include_str!("../../../../../docs/troubleshooting.md");

const KINDS: [ErrorKind; 18] = [
    ErrorKind::Input,
    ErrorKind::InvalidOperation,
    ErrorKind::Local,
    ErrorKind::Connect,
    ErrorKind::Tls,
    ErrorKind::Refused,
    ErrorKind::Unauthorized,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::BadRequest,
    ErrorKind::Throttled,
    ErrorKind::Service,
    ErrorKind::Failed,
    ErrorKind::Disabled,
    ErrorKind::UnexpectedResponse,
    ErrorKind::Timeout,
    ErrorKind::Cancelled,
    ErrorKind::Lost,
];

/// The cells of the rows of the table below a heading.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let part = PAGE.split_once(&format!("\n## {heading}\n")).expect(heading).1;
    let part = part.split("\n## ").next().expect("the part");
    let rows = part.lines().filter(|line| line.starts_with('|'));
    // The first two lines are the head.
    rows.skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The texts in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A part of this workspace's sources, from the line with `start` on, to the end of that function.
fn function(file: &str, start: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = fs::read_to_string(&file).expect("a source");
    let part = text.split_once(start).expect(start).1;
    part.split_once("\n    }\n").expect("its end").0.to_owned()
}

#[test]
fn every_kind_is_on_the_page_once_with_its_exit_code_and_its_hint() {
    let mut rows = table("By kind");
    let usage = Failure::usage("").hint.expect("a hint");
    assert_eq!(rows.remove(0), ["`usage`", "2", &usage]);
    let source = function("provisioning-types/src/error_kind.rs", "pub fn as_str(self)");
    let words: Vec<_> = source.split('"').skip(1).step_by(2).collect();
    assert_eq!(
        KINDS.map(ErrorKind::as_str).as_slice(),
        words,
        "every kind of the source"
    );
    assert_eq!(rows.len(), KINDS.len());
    for (row, kind) in rows.iter().zip(KINDS) {
        let exit_code = Kind::from(kind).exit_code().to_string();
        assert_eq!(*row, [&format!("`{kind}`"), &exit_code, kind.hint()]);
    }
}

#[test]
fn every_error_code_is_on_the_page_once_with_its_hint() {
    let source = function("provisioning-types/src/error_code.rs", "pub fn number(self) -> u64 {");
    let numbers = source.split(|c: char| !c.is_ascii_digit() && c != '_');
    let numbers: Vec<u64> = numbers
        .filter_map(|number| number.replace('_', "").parse().ok())
        .collect();
    let rows = table("By error code");
    let shown: Vec<u64> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    assert_eq!(shown, numbers);
    for (row, number) in rows.iter().zip(numbers) {
        match ErrorCode::from(number).hint() {
            Some(hint) => assert_eq!(row[1], hint, "{number}"),
            None => assert!(!row[1].is_empty(), "{number}"),
        }
    }
}

#[test]
fn every_code_of_a_problem_is_on_the_page_once() {
    let rows = table("By finding code of `dps doctor`");
    let shown: Vec<_> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    let problems = Code::ALL
        .iter()
        .filter(|code| !matches!(code, Code::Ok | Code::Skipped));
    let problems: Vec<_> = problems.map(|code| code.as_str()).collect();
    assert_eq!(shown, problems);
    assert_eq!(shown.iter().collect::<HashSet<_>>().len(), shown.len());
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn a_hint_names_the_section_that_the_page_links_to_and_each_exists() {
    let headings = PAGE
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let anchors: Vec<_> = headings.map(anchor).collect();
    for row in table("By finding code of `dps doctor`") {
        let linked = row[1]
            .split_once("](#")
            .map(|(_, link)| link.split(')').next().expect("its end"));
        for code in quoted(row[0]) {
            let code = Code::ALL.iter().find(|it| it.as_str() == code).expect("a code");
            assert_eq!(code.section().map(Section::anchor), linked, "{code:?}");
        }
    }
    let codes = Code::ALL.iter().filter_map(|code| code.section());
    let numbers = table("By error code")
        .into_iter()
        .map(|row| Some(row[0].parse().expect("a number")));
    let errors = numbers
        .chain([None, Some(499_999)])
        .map(|number: Option<u64>| number.map(ErrorCode::from));
    let failures = errors.flat_map(|code| KINDS.map(|kind| Section::of_kind(kind, code)));
    for section in codes.chain(failures.flatten()) {
        assert!(anchors.iter().any(|anchor| anchor == section.anchor()), "no {section}");
    }
}

#[test]
fn every_message_that_a_symptom_quotes_is_in_the_source() {
    let mut sources = String::new();
    for name in ["cli", "client", "credentials", "device", "mqtt", "net", "types"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../provisioning-{name}/src"));
        read_into(&folder, &mut sources);
    }
    // Text goes on after the end of a line.
    let sources: String = sources.split("\\\n").map(str::trim_start).collect();
    for row in table("By symptom") {
        for message in quoted(row[0]) {
            assert!(sources.contains(message), "{message:?} is in no source");
        }
    }
}

fn read_into(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_test = |name: &OsStr| name == "tests.rs" || name == "page.rs";
        if path.is_dir() {
            read_into(&path, sources);
        } else if !path.file_name().is_some_and(is_test) {
            let text = fs::read_to_string(&path).expect("a source");
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.for_each(|line| sources.extend([line, "\n"]));
        }
    }
}
