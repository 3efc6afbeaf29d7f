//! The tests that cargo ran, added up from its own `test result:` lines.

use std::{fmt, ops::AddAssign};

/// How many tests passed, failed and were ignored.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`, colours or not.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let plain = without_colours(line);
        let counts = plain.trim().strip_prefix("test result: ")?;
        let count_of = |word: &str| {
            let before = counts.split(';').find_map(|part| part.trim().strip_suffix(word))?;
            before.split_whitespace().last()?.parse().ok()
        };
        Some(Self {
            passed: count_of(" passed")?,
            failed: count_of(" failed")?,
            ignored: count_of(" ignored")?,
        })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The line without terminal escapes (`ESC [ … m`).
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_result_line_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.04s";
        let expected = Tally {
            passed: 12,
            failed: 3,
            ignored: 1,
        };
        assert_eq!(Tally::parse(line), Some(expected));
    }

    #[test]
    fn colours_do_not_hide_a_result_line() {
        let line = "test result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 2 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(Tally::parse(line).map(|tally| tally.passed), Some(2));
    }

    #[test]
    fn other_lines_are_no_result() {
        assert_eq!(Tally::parse("test a_test_named_result ... ok"), None);
        assert_eq!(Tally::parse("running 3 tests"), None);
        assert_eq!(Tally::parse("test result: unheard of"), None);
    }

    #[test]
    fn tallies_add_up_to_one_plain_line() {
        let mut sum = Tally::default();
        for _ in 0..2 {
            sum += Tally {
                passed: 4,
                failed: 1,
                ignored: 0,
            };
        }
        assert_eq!(sum.to_string(), "8 passed, 2 failed");
    }
}
