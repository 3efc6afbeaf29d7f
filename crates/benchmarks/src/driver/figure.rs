//! Medians and their spread.

/// What was measured in several rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) median: f64,
    low: f64,
    high: f64,
}

/// How a figure is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// From seconds.
    Milliseconds,
    /// From bytes.
    KiB,
    /// From bytes.
    MiB,
    /// From bytes; 10⁶ of them.
    MB,
    Times,
    Count,
}

impl Figure {
    pub(super) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let at = |index: usize| rounds.get(index).copied().unwrap_or(f64::NAN);
        let (middle, last) = (rounds.len() / 2, rounds.len().saturating_sub(1));
        let median = match rounds.len() % 2 {
            1 => at(middle),
            _ => f64::midpoint(at(middle.wrapping_sub(1)), at(middle)),
        };
        Self {
            median,
            low: at(0),
            high: at(last),
        }
    }

    /// The median, and the lowest and highest round if they are shown as other numbers.
    pub(super) fn show(&self, unit: Unit) -> String {
        let [median, low, high] = [self.median, self.low, self.high].map(|value| unit.number(value));
        let name = unit.name();
        if low == high {
            format!("{median}{name}")
        } else {
            format!("{median}{name} ({low}–{high})")
        }
    }
}

/// What a round of one thing is of the same round of another.
pub(super) fn ratios(of: &[f64], to: &[f64]) -> Figure {
    Figure::of(of.iter().zip(to).map(|(of, to)| of / to))
}

impl Unit {
    /// As it is written, without zeros at the end.
    pub(super) fn show_goal(self, value: f64) -> String {
        let number = self.number(value);
        let number = match number.split_once('.') {
            Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
            None => &number,
        };
        format!("{number}{}", self.name())
    }

    fn number(self, value: f64) -> String {
        let (value, digits) = match self {
            Self::Milliseconds => (value * 1e3, 2),
            Self::KiB => (value / 1024.0, 1),
            Self::MiB => (value / 1024.0 / 1024.0, 1),
            Self::MB => (value / 1e6, 2),
            Self::Times => (value, 2),
            Self::Count => (value, 0),
        };
        let digits = if value >= 100.0 { 0 } else { digits };
        format!("{value:.digits$}")
    }

    fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => " ms",
            Self::KiB => " KiB",
            Self::MiB => " MiB",
            Self::MB => " MB",
            Self::Times => "x",
            Self::Count => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_rounds_is_between_the_middle_two() {
        let figure = Figure::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!(figure.show(Unit::Times), "2.50x (1.00–4.00)");
        assert_eq!(Figure::of([0.0012]).show(Unit::Milliseconds), "1.20 ms");
    }

    #[test]
    fn a_goal_is_shown_as_it_is_written() {
        assert_eq!(Unit::Times.show_goal(1.15), "1.15x");
        assert_eq!(Unit::Times.show_goal(50.0), "50x");
        assert_eq!(Unit::Count.show_goal(220.0), "220");
        assert_eq!(Unit::KiB.show_goal(2048.0), "2 KiB");
        assert_eq!(Unit::MB.show_goal(1.7e6), "1.7 MB");
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let figure = ratios(&[2.0, 30.0], &[1.0, 10.0]);
        assert_eq!(figure.show(Unit::Times), "2.50x (2.00–3.00)");
    }
}
