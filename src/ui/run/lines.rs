//! One row of a log. Plain text only: whatever an agent prints is shown as it is.

use leptos::prelude::*;

use crate::domain::{LogLine, LogType};
use crate::ui::kit::Moment;

#[component]
pub fn Line(row: std::sync::Arc<LogLine>) -> impl IntoView {
    let LogLine { sequence, timestamp, kind, partial, .. } = *row;
    let number = sequence.to_string();
    view! {
        <li
            class="line"
            data-testid="log-line"
            data-sequence=number.clone()
            data-type=kind.as_str()
            data-partial=partial.then_some("")
        >
            <span class="line__number">{number.clone()}</span>
            <span class="line__time">
                <Moment at=timestamp />
            </span>
            <span class="line__type">{type_word(kind)}</span>
            <span class="line__text">{row.content.clone()}</span>
        </li>
    }
}

/// Who speaks, in a word: colour is never the only sign.
fn type_word(kind: LogType) -> &'static str {
    match kind {
        LogType::Info => "info",
        LogType::Text => "agent",
        LogType::Tool => "tool",
        LogType::Result => "result",
        LogType::Error => "error",
        LogType::Stderr => "stderr",
    }
}
