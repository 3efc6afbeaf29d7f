//! The table of docs/performance.md.

use std::fmt;

use tool_support::table::markdown;

use super::figure::{Figure, Unit};

/// The rows, and why others are missing.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    errors: Vec<String>,
}

/// One figure.
#[derive(Debug)]
pub(super) struct Row {
    what: String,
    then: &'static str,
    goal: Option<Goal>,
    measured: String,
    beside: String,
    is_met: Option<bool>,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtMost(f64, Unit),
    AtLeast(f64, Unit),
}

impl Row {
    /// A figure without a goal.
    pub(super) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            then: "",
            goal: None,
            measured: measured.into(),
            beside: String::new(),
            is_met: None,
        }
    }

    /// What it was when the goal was set.
    pub(super) fn then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    /// What it is compared with.
    pub(super) fn beside(self, beside: impl Into<String>) -> Self {
        Self {
            beside: beside.into(),
            ..self
        }
    }

    /// What must be true of this figure, as soon as there is one.
    pub(super) fn goal(self, goal: Goal, figure: Option<&Figure>) -> Self {
        Self {
            goal: Some(goal),
            is_met: figure.map(|figure| goal.is_met_by(figure.median)),
            ..self
        }
    }
}

impl Goal {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit, _) => value <= limit,
            Self::AtLeast(limit, _) => value >= limit,
        }
    }
}

impl Table {
    pub(super) fn add(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    /// Something could not be measured.
    pub(super) fn add_error(&mut self, error: impl fmt::Display) {
        self.errors.push(error.to_string());
    }

    /// Whether everything was measured.
    pub(super) fn is_complete(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Markdown, in columns.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "then", "goal", "measured", "floor or peer", "met"];
        f.write_str(&markdown(head, self.rows.iter().map(Row::cells)))?;
        for error in &self.errors {
            writeln!(f, "\nerror: {error}")?;
        }
        Ok(())
    }
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let goal = self.goal.map_or_else(String::new, |goal| match goal {
            Goal::AtMost(limit, unit) => format!("≤ {}", unit.show_goal(limit)),
            Goal::AtLeast(limit, unit) => format!("≥ {}", unit.show_goal(limit)),
        });
        let met = match (self.goal, self.is_met) {
            (None, _) => "",
            (_, Some(true)) => "yes",
            (_, Some(false)) => "no",
            (_, None) => "not measured",
        };
        [
            self.what.clone(),
            self.then.to_owned(),
            goal,
            self.measured.clone(),
            self.beside.clone(),
            met.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_shown_and_an_error_is_printed_below_the_table() {
        let mut table = Table::default();
        let figure = Figure::of([3.0]);
        let row = Row::new("a", figure.show(Unit::Times)).goal(Goal::AtMost(2.0, Unit::Times), Some(&figure));
        table.add(vec![row]);
        assert!(table.is_complete());
        table.add_error("second: it ended");
        assert!(!table.is_complete());
        let shown = table.to_string();
        let row = "| a |      | ≤ 2x | 3.00x    |               | no  |";
        assert!(shown.contains(row), "{shown}");
        assert!(shown.ends_with("\nerror: second: it ended\n"), "{shown}");
    }
}
