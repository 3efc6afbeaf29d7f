//! `docs/troubleshooting.md`: what it says that the doctor prints first, against what the doctor prints.

use crate::support::Run;

pub(super) const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/troubleshooting.md"));

/// The title of the page's part with the situations.
const SITUATIONS: &str = "## Situations";

/// The titles of the situations on the page.
pub(super) fn situations() -> Vec<&'static str> {
    let part = PAGE.split_once(SITUATIONS).expect("the part").1;
    let part = part.split("\n## ").next().expect("its end");
    part.lines().filter_map(|line| line.strip_prefix("### ")).collect()
}

/// What the hint of a situation ends with: its section of the page.
fn reference(situation: &str) -> String {
    let kept = situation.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c));
    let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
    format!("; see docs/troubleshooting.md#{anchor}")
}

/// Checks that the answer begins with the lines that the page has for this situation, in which `…` is any text, and
/// that its hint names the section.
pub(super) fn assert_begins_as_on_page(run: &Run, situation: &str) {
    let heading = format!("\n### {situation}\n");
    let part = PAGE
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no situation {situation:?}"))
        .1;
    let block = part.split_once("```text\n").expect("a block").1;
    let block = block.split_once("\n```").expect("its end").0;
    let printed: Vec<_> = run.stdout.lines().collect();
    for (line, expected) in block.lines().enumerate() {
        let mut printed = printed.get(line).copied().unwrap_or_default();
        if expected.starts_with("hint:") {
            let hint = printed.strip_suffix(&reference(situation));
            printed = hint.unwrap_or_else(|| panic!("{situation}: no section in {printed:?}"));
        }
        assert!(
            fits(printed, expected),
            "{situation}: {printed:?} is not {expected:?} in {run:?}"
        );
    }
}

/// Whether `text` is `pattern`, in which `…` is any text.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut ends_open = pattern.ends_with('…');
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        ends_open |= part.is_empty();
    }
    rest.is_empty() || ends_open
}

#[test]
fn a_pattern_fits_the_whole_line_and_nothing_else() {
    for (text, pattern, expected) in [
        ("a", "a", true),
        ("ab", "a", false),
        ("a is 1 of 2", "a is … of 2", true),
        ("a is 1 of 2", "a is …", true),
        ("a is 1 of 2", "a was …", false),
        ("a is 1 of 23", "a is … of 2", false),
    ] {
        assert_eq!(fits(text, pattern), expected, "{text:?} {pattern:?}");
    }
}
