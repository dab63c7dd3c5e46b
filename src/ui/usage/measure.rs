//! Used amounts in words, and by what the bars of a chart are measured.

use crate::domain::Used;
use crate::ui::kit::{Bar, Tone, dollars, duration, grouped};
use crate::ui::tr;

/// Stands where nothing is known.
const UNKNOWN: &str = "–";

/// By what bars are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Time,
    Cost,
}

impl Measure {
    /// Cost, where somebody has paid; else time, which is always known.
    pub fn of(total: &Used) -> Self {
        if total.cost_usd.is_some_and(|cost| cost > 0.0) { Self::Cost } else { Self::Time }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Time => tr!(usage.time),
            Self::Cost => tr!(facts.cost),
        }
    }

    pub fn bar(self, name: String, tone: Option<Tone>, used: &Used) -> Bar {
        let (amount, text) = match self {
            Self::Time => (used.time_ms, duration(used.time_ms)),
            // In millionths, as a stage may cost less than a cent.
            Self::Cost => ((used.cost_usd.unwrap_or(0.0) * 1e6) as i64, cost(used)),
        };
        Bar { name, amount, text, tone }
    }
}

/// A sum that lacks what some have not told is at least so much.
fn told(sum: Option<String>, known: i64, all: i64) -> String {
    match sum {
        None => UNKNOWN.to_owned(),
        Some(sum) if known < all => sum + "+",
        Some(sum) => sum,
    }
}

pub fn cost(used: &Used) -> String {
    told(used.cost_usd.map(dollars), used.with_cost, used.executions)
}

pub fn tokens(sum: Option<i64>, used: &Used) -> String {
    told(sum.map(grouped), used.with_tokens, used.executions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cost_usd: Option<f64>, with_cost: i64) -> Used {
        Used { executions: 2, time_ms: 61_000, cost_usd, with_cost, ..Used::default() }
    }

    #[test]
    fn what_is_not_known_is_neither_nothing_nor_all() {
        let costs = [used(None, 0), used(Some(0.0), 2), used(Some(1.5), 1)].map(|used| cost(&used));
        assert_eq!(costs, ["–", "$0.00", "$1.50+"]);
        let used = Used { with_tokens: 2, ..used(None, 0) };
        assert_eq!([tokens(Some(1234), &used), tokens(None, &used)], ["1,234", "–"]);
    }

    #[test]
    fn bars_are_of_time_where_nothing_has_cost_anything() {
        assert_eq!(Measure::of(&used(None, 0)), Measure::Time);
        assert_eq!(Measure::of(&used(Some(0.0), 2)), Measure::Time);
        assert_eq!(Measure::of(&used(Some(0.002), 2)), Measure::Cost);
        let bar = Measure::Cost.bar("Plan".into(), None, &used(Some(0.002), 2));
        assert_eq!((bar.amount, bar.text.as_str()), (2000, "<$0.01"));
        let bar = Measure::Time.bar("Plan".into(), None, &used(None, 0));
        assert_eq!((bar.amount, bar.text.as_str()), (61_000, "1m 01s"));
    }
}
