//! The numbers behind a chart.

use leptos::prelude::*;

use super::measure::{cost, tokens};
use crate::domain::Used;
use crate::ui::kit::{duration, grouped};
use crate::ui::tr;

#[component]
pub fn UsageTable(
    /// What the table is of, for who does not see what stands around it.
    caption: &'static str,
    /// What its rows are of.
    of: &'static str,
    rows: Vec<(AnyView, Used)>,
) -> impl IntoView {
    let rows = rows.into_iter().map(|(name, used)| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{duration(used.time_ms)}</td>
                <td>{cost(&used)}</td>
                <td>{tokens(used.input_tokens, &used)}</td>
                <td>{tokens(used.output_tokens, &used)}</td>
                <td>{grouped(used.executions)}</td>
            </tr>
        }
    });
    view! {
        // On a phone it scrolls, by keyboard too.
        <div class="numbers" role="region" aria-label=caption tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">{of}</th>
                        <th scope="col">{tr!(usage.time)}</th>
                        <th scope="col">{tr!(facts.cost)}</th>
                        <th scope="col">{tr!(usage.read)}</th>
                        <th scope="col">{tr!(usage.written)}</th>
                        <th scope="col">{tr!(usage.attempts)}</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}
