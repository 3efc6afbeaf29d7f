//! The table of what was measured, and whether it is within its limits.

use std::fmt;

use tool_support::table::markdown;

/// All rows, in the order of measuring.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    scenario: &'static str,
    what: String,
    measured: String,
    wanted: String,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    /// Without a limit.
    Shown,
}

/// The rows of one scenario.
pub(super) struct Rows<'a> {
    scenario: &'static str,
    table: &'a mut Table,
}

impl Table {
    pub(super) fn rows(&mut self, scenario: &'static str) -> Rows<'_> {
        Rows { scenario, table: self }
    }

    /// Whether every row is within its limit.
    pub(super) fn holds(&self) -> bool {
        self.0.iter().all(|row| row.verdict != Verdict::Missed)
    }
}

impl Rows<'_> {
    pub(super) fn at_most(&mut self, what: &str, measured: f64, limit: f64, unit: &str) {
        let wanted = format!("≤ {} {unit}", number(limit));
        self.add(what, format!("{} {unit}", number(measured)), wanted, measured <= limit);
    }

    pub(super) fn at_least(&mut self, what: &str, measured: f64, limit: f64, unit: &str) {
        let wanted = format!("≥ {} {unit}", number(limit));
        self.add(what, format!("{} {unit}", number(measured)), wanted, measured >= limit);
    }

    /// How many of several succeeded: all are wanted.
    pub(super) fn all(&mut self, what: &str, succeeded: usize, of: usize) {
        self.add(what, format!("{succeeded} of {of}"), "all".to_owned(), succeeded == of);
    }

    /// A row of any other form.
    pub(super) fn add(&mut self, what: &str, measured: String, wanted: String, holds: bool) {
        let verdict = if holds { Verdict::Ok } else { Verdict::Missed };
        self.push(what, measured, wanted, verdict);
    }

    /// A figure without a limit.
    pub(super) fn show(&mut self, what: &str, measured: String) {
        self.push(what, measured, String::new(), Verdict::Shown);
    }

    fn push(&mut self, what: &str, measured: String, wanted: String, verdict: Verdict) {
        let what = what.to_owned();
        let row = Row {
            scenario: self.scenario,
            what,
            measured,
            wanted,
            verdict,
        };
        eprintln!("  {}: {} {}", row.what, row.measured, verdict.text());
        self.table.0.push(row);
    }
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missed => "MISSED",
            Self::Shown => "",
        }
    }
}

impl fmt::Display for Table {
    /// As a table of Markdown, whose columns are aligned.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.0.iter().map(|row| {
            let verdict = row.verdict.text().to_owned();
            [
                row.scenario.to_owned(),
                row.what.clone(),
                row.measured.clone(),
                row.wanted.clone(),
                verdict,
            ]
        });
        formatter.write_str(&markdown(["scenario", "what", "measured", "wanted", ""], rows))
    }
}

/// With the digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        f64::INFINITY => "∞".to_owned(),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        ..1.0 => format!("{value:.2}"),
        ..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_beyond_its_limit_misses_and_one_at_its_limit_does_not() {
        let mut table = Table::default();
        table.rows("a").at_most("time", 5.0, 5.0, "ms");
        table.rows("a").at_least("rate", 1500.0, 1500.0, "/s");
        table.rows("a").all("answers", 3, 3);
        table.rows("a").show("total", "7".to_owned());
        assert!(table.holds());
        for missed in [
            |rows: &mut Rows<'_>| rows.at_most("time", 5.1, 5.0, "ms"),
            |rows: &mut Rows<'_>| rows.at_most("time", f64::INFINITY, 5.0, "ms"),
            |rows: &mut Rows<'_>| rows.at_most("time", f64::NAN, 5.0, "ms"),
            |rows: &mut Rows<'_>| rows.at_least("rate", 1499.9, 1500.0, "/s"),
            |rows: &mut Rows<'_>| rows.all("answers", 2, 3),
        ] {
            let mut table = Table::default();
            missed(&mut table.rows("a"));
            assert!(!table.holds(), "{table}");
        }
    }
}
