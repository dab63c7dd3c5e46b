//! The four stages of a card's run, with every attempt at each.

use leptos::prelude::*;

use super::state::CardState;
use super::words::{Progress, progress, stage_title, tone_of, word_of};
use crate::domain::{Execution, ExecutionId, Stage, Workflow};
use crate::ui::kit::{Clocking, Icon, Lasted, Shape, Tone, live, shown};
use crate::ui::tr;

#[component]
pub fn Timeline(
    state: CardState,
    /// The execution whose log is shown.
    current: Memo<Option<ExecutionId>>,
) -> impl IntoView {
    let reached = Memo::new(move |_| state.card.with(|card| progress(Workflow::of(card)).map(Progress::as_str)));
    let steps = Stage::ALL.map(|stage| view! { <Step state=state stage=stage reached=reached current=current /> });
    view! {
        <section class="timeline" aria-labelledby="timeline-title">
            <h2 class="visually-hidden" id="timeline-title">
                {tr!(stages.all)}
            </h2>
            <ol>{steps.into_iter().collect_view()}</ol>
        </section>
    }
}

#[component]
fn Step(
    state: CardState,
    stage: Stage,
    reached: Memo<[&'static str; 4]>,
    current: Memo<Option<ExecutionId>>,
) -> impl IntoView {
    // Newest first.
    let attempts = Memo::new(move |_| {
        state.executions.with(|executions| {
            executions.iter().filter(|execution| execution.command.stage() == Some(stage)).cloned().collect::<Vec<_>>()
        })
    });
    let now = move || reached.get()[stage as usize];
    // A stage ahead may have been done before, on the way to a retry of an earlier one: it shows as not begun.
    let status = Memo::new(move |_| {
        let is_ahead = now() == Progress::Ahead.as_str();
        attempts.with(|attempts| attempts.first().map(|latest| latest.status).filter(|_| !is_ahead))
    });
    let mark = move || status.get().map(|status| tone_of(Some(stage), status));
    let span = move || {
        status.get()?;
        attempts.with(|attempts| attempts.first().map(clocking))
    };
    let is_only = Memo::new(move |_| attempts.with(|attempts| attempts.len() == 1));
    let card = state.card.with_untracked(|card| card.id);
    view! {
        <li
            class="step"
            data-stage=stage.as_str()
            data-progress=live(now)
            data-tone=live(move || mark().map_or(Tone::Neutral, |(tone, _)| tone).as_str())
        >
            <span class="step__icon">
                {shown(move || view! { <Icon shape=mark().map_or(Shape::Waiting, |(_, shape)| shape) /> })}
            </span>
            <h3 class="step__name">{stage_title(stage)}</h3>
            <p class="step__status">
                {live(move || status.get().map_or_else(|| tr!(stages.not_started_yet), word_of))}
                {shown(move || span().map(|span| view! { <Lasted span=span /> }))}
            </p>
            <ul class="step__attempts">
                <For
                    each=move || attempts.get().into_iter().rev()
                    key=|attempt| (attempt.id.0.as_u128(), attempt.status as u8, attempt.active)
                    children=move |attempt| {
                        view! { <Attempt attempt=attempt card=card.to_string() is_only=is_only current=current /> }
                    }
                />
            </ul>
        </li>
    }
}

#[component]
fn Attempt(attempt: Execution, card: String, is_only: Memo<bool>, current: Memo<Option<ExecutionId>>) -> impl IntoView {
    let (id, number) = (attempt.id, attempt.attempt);
    // Whoever looks at the active execution goes on to the next stage with it.
    let address = if attempt.active { format!("/cards/{card}") } else { format!("/cards/{card}?execution={id}") };
    let stage = attempt.command.stage();
    let (tone, _) = tone_of(stage, attempt.status);
    let stage = stage.map_or("", stage_title);
    view! {
        <li>
            <a
                class="attempt"
                href=address
                data-noscroll=""
                data-tone=tone.as_str()
                aria-current=live(move || (current.get() == Some(id)).then_some("true"))
                aria-label=tr!(log.link, stage = stage, attempt = number, outcome = word_of(attempt.status))
            >
                {live(move || if is_only.get() { tr!(log.log).to_owned() } else { format!("#{number}") })}
            </a>
        </li>
    }
}

fn clocking(execution: &Execution) -> Clocking {
    Clocking { from: execution.started_at, to: execution.completed_at }
}
