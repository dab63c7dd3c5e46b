//! Moments and durations. The server prints UTC; once the page is hydrated it shows the reader's own time.

use leptos::prelude::*;

use super::live;
use crate::domain::Timestamp;
use crate::ui::hooks::use_clock;
use crate::ui::tr;

const DAY_MS: i64 = 86_400_000;

/// A time of day, with the whole moment for who asks.
#[component]
pub fn Moment(at: Timestamp) -> impl IntoView {
    let clock = use_clock();
    let text = move || time_of_day(at.as_millis() + clock.offset_minutes(at).unwrap_or(0) * 60_000);
    let whole = at.to_string();
    view! {
        <time datetime=whole.clone() title=whole>
            {if clock.is_settled() { untrack(text).into_any() } else { live(text).into_any() }}
        </time>
    }
}

/// A day and a time of day.
#[component]
pub fn Day(at: Timestamp) -> impl IntoView {
    let clock = use_clock();
    let text = move || {
        let millis = at.as_millis() + clock.offset_minutes(at).unwrap_or(0) * 60_000;
        format!("{} {}", date(&Timestamp::from_millis(millis).to_string()), time_of_day(millis))
    };
    let whole = at.to_string();
    view! {
        <time datetime=whole.clone() title=whole>
            {live(text)}
        </time>
    }
}

/// How long something took, or has taken so far. Before hydration, what still goes on shows when it began.
#[component]
pub fn Lasted(span: Clocking) -> impl IntoView {
    let clock = use_clock();
    let Clocking { from, to } = span;
    let text = move || match to.or_else(|| clock.now()) {
        Some(to) => duration(to.millis_since(from)),
        None => tr!(time.since, time = time_of_day(from.as_millis())),
    };
    view! {
        <time class="lasted" datetime=from.to_string()>
            {live(text)}
        </time>
    }
}

/// From when to when; without an end it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocking {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// The day with which a text like `2026-11-22T10:11:12.345Z` begins, as the reader's language writes days.
pub fn date(moment: &str) -> String {
    let part = |range: std::ops::Range<usize>| moment.get(range).unwrap_or_default().to_owned();
    tr!(time.date, year = part(0..4), month = part(5..7), day = part(8..10))
}

fn time_of_day(millis: i64) -> String {
    let seconds = millis.rem_euclid(DAY_MS) / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// How long, in the two largest units.
pub fn duration(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// How long after something else: minutes, seconds and tenths.
pub fn elapsed(millis: i64) -> String {
    let (sign, tenths) = (if millis < 0 { '-' } else { '+' }, millis.abs() / 100);
    let (seconds, tenths) = (tenths / 10, tenths % 10);
    format!("{sign}{}:{:02}.{tenths}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let of = |seconds: i64| duration(seconds * 1000);
        assert_eq!([of(0), of(59), of(61), of(3_700)], ["0s", "59s", "1m 01s", "1h 01m"]);
    }

    #[test]
    fn what_has_elapsed_is_told_to_the_tenth() {
        assert_eq!([elapsed(0), elapsed(61_250), elapsed(-1_900)], ["+0:00.0", "+1:01.2", "-0:01.9"]);
    }

    #[test]
    fn times_of_day_are_right_before_1970_too() {
        assert_eq!(time_of_day(8 * 3_600_000 + 61_007), "08:01:01");
        assert_eq!(time_of_day(-1000), "23:59:59");
    }
}
