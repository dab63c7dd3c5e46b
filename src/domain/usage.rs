//! What agents used over some time: tokens, cost, time, and by what it is told apart.
//!
//! Sums are of what agents told. One that told nothing is not one that used nothing, so a sum of nothing known is absent.

use serde::{Deserialize, Serialize};

use super::{CardId, ProjectId, Stage, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// How far back usage is told: so many days, today among them. Days are UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    Week,
    #[default]
    Month,
    Quarter,
}

impl Period {
    pub const ALL: [Self; 3] = [Self::Week, Self::Month, Self::Quarter];

    pub const fn days(self) -> i64 {
        match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
        }
    }

    pub fn of_days(days: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.days() == days)
    }

    /// When its first day begins.
    pub fn begins(self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(self.ends(now).as_millis() - self.days() * DAY_MS)
    }

    /// When its last day, today, will have ended.
    pub fn ends(self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis((now.as_millis().div_euclid(DAY_MS) + 1) * DAY_MS)
    }

    /// When each of its days begins, the oldest first.
    pub fn each_day(self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let first = self.begins(now).as_millis();
        (0..self.days()).map(move |day| Timestamp::from_millis(first + day * DAY_MS))
    }
}

/// What some executions used together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Used {
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub executions: i64,
    /// From their starts to their ends; of those that run, until now.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub time_ms: i64,
    /// Absent where no agent told; so are the other two.
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    /// In US dollars.
    pub cost_usd: Option<f64>,
    /// Of how many executions the tokens are known.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub with_tokens: i64,
    /// Of how many executions the cost is known.
    #[cfg_attr(feature = "ssr", schema(minimum = 0))]
    pub with_cost: i64,
}

impl Used {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        fn sum<T>(one: Option<T>, other: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(add(one, other)),
                (known, None) | (None, known) => known,
            }
        }
        Self {
            executions: self.executions + other.executions,
            time_ms: self.time_ms + other.time_ms,
            input_tokens: sum(self.input_tokens, other.input_tokens, i64::saturating_add),
            output_tokens: sum(self.output_tokens, other.output_tokens, i64::saturating_add),
            cost_usd: sum(self.cost_usd, other.cost_usd, |one, other| one + other),
            with_tokens: self.with_tokens + other.with_tokens,
            with_cost: self.with_cost + other.with_cost,
        }
    }
}

/// What was used in a period: in all, and by stage, day, project and card. An execution counts for the day on which it
/// began; one that only holds a state, without an agent, counts nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    /// How many days the period has, today among them.
    #[cfg_attr(feature = "ssr", schema(minimum = 7, maximum = 90))]
    pub days: i64,
    pub total: Used,
    /// The stages that ran, in their order.
    pub by_stage: Vec<UsedByStage>,
    /// Every day of the period, the oldest first.
    pub by_day: Vec<UsedOnDay>,
    /// The projects that something ran in, with the most time first.
    pub by_project: Vec<UsedByProject>,
    /// There are more projects than these.
    pub more_projects: bool,
    /// The cards that something ran for, with the most time first.
    pub by_card: Vec<UsedByCard>,
    /// There are more cards than these.
    pub more_cards: bool,
}

impl UsageReport {
    /// So many projects, and so many cards, are told of.
    pub const ROWS_MAX: usize = 50;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsedByStage {
    pub stage: Stage,
    pub used: Used,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsedOnDay {
    /// In UTC.
    #[cfg_attr(feature = "ssr", schema(format = Date, example = "2026-11-22"))]
    pub day: String,
    pub used: Used,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsedByProject {
    pub project_id: ProjectId,
    pub name: String,
    pub used: Used,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UsedByCard {
    pub card_id: CardId,
    pub title: String,
    pub project_id: ProjectId,
    pub used: Used,
}

/// What the agents of one card have used so far, as much of it as they tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsedSoFar {
    /// Read and written.
    pub tokens: i64,
    /// In millionths of a dollar.
    pub cost_microdollars: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_whole_days_and_today_is_its_last() {
        let at = |text: &str| serde_json::from_value::<Timestamp>(text.into()).unwrap();
        for now in ["2026-03-01T00:00:00.000Z", "2026-03-01T12:34:56.789Z", "2026-03-01T23:59:59.999Z"] {
            let now = at(now);
            assert_eq!(Period::Week.begins(now), at("2026-02-23T00:00:00.000Z"));
            assert_eq!(Period::Week.ends(now), at("2026-03-02T00:00:00.000Z"));
            let days: Vec<Timestamp> = Period::Quarter.each_day(now).collect();
            assert_eq!(
                (days.len(), days[0], days[89]),
                (90, Period::Quarter.begins(now), at("2026-03-01T00:00:00.000Z"))
            );
        }
        assert_eq!(Period::of_days(30), Some(Period::default()));
        assert_eq!([0, 8, -7].map(Period::of_days), [None; 3]);
    }

    #[test]
    fn what_is_not_known_is_not_nothing() {
        let silent = Used { executions: 1, time_ms: 5, ..Used::default() };
        let told = Used { executions: 1, input_tokens: Some(0), cost_usd: Some(0.5), with_cost: 1, ..Used::default() };
        let both = silent.and(told);
        assert_eq!((both.executions, both.time_ms, both.with_cost), (2, 5, 1));
        assert_eq!((both.input_tokens, both.output_tokens, both.cost_usd), (Some(0), None, Some(0.5)));
        assert_eq!(silent.and(silent).cost_usd, None);
    }
}
