//! One row of a log. Text only, whatever an agent prints: of what a terminal would make of it, the colours.

use std::sync::Arc;

use leptos::prelude::*;

use super::ansi::{Stretch, stretches};
use super::window::Row;
use crate::domain::{CardId, ExecutionId, LogLine, LogType, Timestamp};
use crate::ui::kit::{Moment, elapsed};
use crate::ui::{tr, tr_counted};

/// What a tool was given or answered is folded away behind its first line when it has more lines than this.
const LINES_OPEN: usize = 4;

/// How a row stands out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Highlight {
    /// What a search has found in it: byte offsets, from and to, in order.
    pub found: Arc<[(u32, u32)]>,
    /// The reader was brought to it, or has chosen it.
    pub is_current: bool,
}

#[component]
pub fn Line(
    card: CardId,
    execution: ExecutionId,
    row: Arc<Row>,
    highlight: Highlight,
    /// When the execution began.
    started_at: Option<Timestamp>,
) -> impl IntoView {
    let LogLine { sequence, timestamp, kind, partial, .. } = row.line;
    let number = sequence.to_string();
    view! {
        <li
            class="line"
            data-testid="log-line"
            data-sequence=number.clone()
            data-type=kind.as_str()
            data-partial=partial.then_some("")
            data-current=highlight.is_current.then_some("")
        >
            <a
                class="line__number"
                href=format!("/cards/{card}?execution={execution}&line={number}")
                data-noscroll=""
                tabindex="-1"
                title=tr!(log.link_to_line)
            >
                {number.clone()}
            </a>
            <span class="line__time" data-since=started_at.map(|start| elapsed(timestamp.millis_since(start)))>
                <Moment at=timestamp />
            </span>
            <span class="line__type">{type_word(kind)}</span>
            {text(&row, &highlight)}
        </li>
    }
}

fn text(Row { line: row, prose }: &Row, highlight: &Highlight) -> AnyView {
    let content = &row.content;
    // What was found is marked in what was printed, which is not where it stands in the HTML.
    if let Some(html) = prose.clone().filter(|_| highlight.found.is_empty()) {
        return view! { <div class="line__text line__prose prose" inner_html=html></div> }.into_any();
    }
    let folds = matches!(row.kind, LogType::Tool | LogType::Result)
        && highlight.found.is_empty()
        && content.lines().count() > LINES_OPEN;
    // With its line break, so that what is copied is what was said.
    match content.find('\n').filter(|_| folds) {
        Some(end) => {
            let (first, rest) = content.split_at(end + 1);
            let more = tr_counted!(log.more_lines_1 | more_lines_n, rest.lines().count() as i64);
            view! {
                <details class="line__text line__fold">
                    <summary data-more=more>{words(first, &[])}</summary>
                    {words(rest, &[])}
                </details>
            }
            .into_any()
        }
        None => view! { <span class="line__text">{words(content, &highlight.found)}</span> }.into_any(),
    }
}

/// A text with its colours, and what was found in it marked.
fn words(text: &str, found: &[(u32, u32)]) -> AnyView {
    if found.is_empty() && !text.contains('\u{1b}') {
        return text.to_owned().into_any();
    }
    stretches(text, found)
        .into_iter()
        .map(|Stretch { classes, text, is_found }| match is_found {
            true => view! { <mark class=classes>{text}</mark> }.into_any(),
            false => view! { <span class=classes>{text}</span> }.into_any(),
        })
        .collect_view()
        .into_any()
}

/// Who speaks, in a word: colour is never the only sign.
pub fn type_word(kind: LogType) -> &'static str {
    match kind {
        LogType::Info => tr!(lines.info),
        LogType::Text => tr!(lines.agent),
        LogType::Tool => tr!(lines.tool),
        LogType::Result => tr!(lines.result),
        LogType::Error => tr!(lines.error),
        LogType::Stderr => tr!(lines.stderr),
    }
}
