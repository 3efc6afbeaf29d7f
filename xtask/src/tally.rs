//! How many tests passed and failed, read from the lines that they print.

use std::{fmt, ops::AddAssign};

/// The end of the reason of a test that `ci` leaves out.
const RUN_BY: &str = ": cargo xtask external";

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; …`, `None` from any other line.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count_of = |word| {
            let count = counts.split("; ").find_map(|part| part.strip_suffix(word))?;
            count.trim().parse().ok()
        };
        Some(Self {
            passed: count_of(" passed")?,
            failed: count_of(" failed")?,
        })
    }
}

/// A finding, if the line says that a test is ignored that `cargo xtask external` does not run.
pub(crate) fn ignored_for_good(line: &str) -> Option<String> {
    let (name, reason) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    (!reason.ends_with(RUN_BY))
        .then(|| format!("the test `{name}` is ignored (fix or remove it; examples take `no_run`)"))
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let lines = [
            "running 3 tests",
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.04s",
            "test a_test_named_result ... ok",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        let mut sum = Tally::default();
        lines
            .into_iter()
            .filter_map(Tally::of_line)
            .for_each(|tally| sum += tally);
        assert_eq!(sum.to_string(), "14 passed, 3 failed");
    }

    #[test]
    fn a_test_may_be_ignored_only_if_another_verb_runs_it() {
        assert_eq!(
            ignored_for_good("test page::opens ... ignored, needs chromium: cargo xtask external"),
            None
        );
        assert_eq!(ignored_for_good("test page::opens ... ok"), None);
        for line in [
            "test a ... ignored",
            "test src/lib.rs - a (line 3) ... ignored",
            "test a ... ignored, slow",
        ] {
            assert!(ignored_for_good(line).is_some(), "{line}");
        }
    }
}
