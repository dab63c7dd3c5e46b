//! Small charts: bars in the stylesheet's colours. Whoever does not see them is told their label, and whoever wants the
//! numbers finds them in the table beneath; so nothing in a chart can be reached or clicked.

use leptos::prelude::*;

use super::Tone;

/// The largest bar, in the drawing's own units.
const LARGEST: i64 = 1000;

/// One bar of a chart.
pub struct Bar {
    pub name: String,
    /// How large it is among the others. What is below 0 is drawn as 0.
    pub amount: i64,
    /// The amount in words.
    pub text: String,
    pub tone: Option<Tone>,
}

impl Bar {
    /// Its size where the largest has `max`. What is more than nothing can be seen.
    fn size(&self, max: i64) -> i64 {
        match self.amount {
            ..=0 => 0,
            amount => (amount as f64 / max as f64 * LARGEST as f64).max(12.0) as i64,
        }
    }
}

fn largest(bars: &[Bar]) -> i64 {
    bars.iter().map(|bar| bar.amount).max().unwrap_or(0).max(1)
}

/// Bars that stand side by side, in the order of time.
#[component]
pub fn StandingBars(
    /// All of it in words.
    label: String,
    bars: Vec<Bar>,
) -> impl IntoView {
    let max = largest(&bars);
    let top = bars.iter().find(|bar| bar.amount == max).map(|bar| bar.text.clone());
    let [first, last] = [bars.first(), bars.last()].map(|bar| bar.map(|bar| bar.name.clone()));
    let width = bars.len() * 10;
    let bars = bars.into_iter().enumerate().map(|(place, bar)| {
        let (x, size) = (place * 10, bar.size(max));
        view! {
            <g>
                <title>{format!("{}: {}", bar.name, bar.text)}</title>
                <rect class="chart__room" x=x.to_string() y="0" width="10" height=LARGEST.to_string() />
                <rect
                    class="chart__bar"
                    x=(x + 1).to_string()
                    y=(LARGEST - size).to_string()
                    width="8"
                    height=size.to_string()
                />
            </g>
        }
    });
    view! {
        <div class="chart">
            <p class="chart__top" aria-hidden="true">
                {top}
            </p>
            <svg
                class="chart__drawing"
                viewBox=format!("0 0 {width} {LARGEST}")
                preserveAspectRatio="none"
                role="img"
                aria-label=label
            >
                {bars.collect_view()}
            </svg>
            <p class="chart__ends" aria-hidden="true">
                <span>{first}</span>
                <span>{last}</span>
            </p>
        </div>
    }
}

/// Bars that lie one below the other, each with its name and its amount.
#[component]
pub fn LyingBars(
    /// All of it in words.
    label: String,
    bars: Vec<Bar>,
) -> impl IntoView {
    let max = largest(&bars);
    let bars = bars.into_iter().map(|bar| {
        let size = bar.size(max).to_string();
        view! {
            <div class="bars__row" data-tone=bar.tone.map(Tone::as_str)>
                <span class="bars__name">{bar.name}</span>
                <svg class="bars__drawing" viewBox=format!("0 0 {LARGEST} 10") preserveAspectRatio="none">
                    <rect class="chart__bar" x="0" y="0" width=size height="10" />
                </svg>
                <span class="bars__amount">{bar.text}</span>
            </div>
        }
    });
    view! {
        <div class="bars" role="img" aria-label=label>
            {bars.collect_view()}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_large_as_their_amounts_and_what_is_there_can_be_seen() {
        let bar = |amount| Bar { name: String::new(), amount, text: String::new(), tone: None };
        let bars = [bar(0), bar(1), bar(500_000), bar(1_000_000), bar(-5)];
        let max = largest(&bars);
        assert_eq!(bars.map(|bar| bar.size(max)), [0, 12, 500, 1000, 0]);
        assert_eq!(largest(&[bar(0)]), 1);
        assert_eq!(bar(i64::MAX).size(i64::MAX), 1000);
    }
}
