//! A card on the board.

use leptos::prelude::*;

use super::archive::PutAway;
use super::state::{BoardCard, BoardState};
use crate::domain::{Card, ProjectId, Stage, UsedSoFar, Workflow};
use crate::ui::kit::{Badge, Clocking, Icon, Lasted, Shape, dollars, live, shown};
use crate::ui::run::{RunControls, mark_of, progress, progress_in_words};
use crate::ui::{tr, tr_counted};

#[component]
pub fn CardTile(
    state: BoardState,
    known: BoardCard,
    /// The project that the board is filtered to.
    project: Memo<Option<ProjectId>>,
) -> impl IntoView {
    let card: Signal<Card> = known.card.clone().into();
    let (last_line, used) = (known.last_line, known.used);
    let (id, own_project) = card.with_untracked(|card| (card.id, card.project_id));
    let title_id = format!("card-{}", id.short());
    let described_by = title_id.clone();
    let workflow = Memo::new(move |_| card.with(Workflow::of));
    let mark = Memo::new(move |_| card.with(mark_of));
    let error = Memo::new(move |_| card.with(error_of));
    let span = Memo::new(move |_| card.with(clocking));
    let project_name = move || {
        let many = project.get().is_none() && state.projects.with(|projects| projects.len() > 1);
        many.then(|| {
            state.projects.with(|projects| {
                projects.iter().find(|project| project.id == own_project).map(|project| project.name.clone())
            })
        })
        .flatten()
    };
    view! {
        <li
            class="card"
            data-testid="card"
            data-card-id=id.to_string()
            data-stage=live(move || state.stage(id).as_str())
            data-tone=live(move || mark.with(|mark| mark.as_ref().map(|mark| mark.tone.as_str())))
        >
            <h3 class="card__title" id=title_id.clone()>
                <a href=format!("/cards/{id}") draggable="false">{live(move || card.with(|card| card.title.clone()))}</a>
            </h3>
            <button
                type="button"
                class="card__move"
                data-handle
                aria-label=tr!(card.move_it)
                aria-describedby=title_id.clone()
                title=tr!(card.how_to_move)
            >
                <Icon shape=Shape::Grip />
            </button>
            {shown(move || {
                mark.with(Option::is_some)
                    .then(|| {
                        view! {
                            <div class="card__state">
                                <Badge mark=mark />
                                <Segments workflow=workflow />
                            </div>
                        }
                    })
            })}
            {shown(move || {
                let line = last_line.with(|line| line.as_ref().map(|line| line.content.clone()))?;
                matches!(workflow.get(), Workflow::Working(_))
                    .then(|| view! { <p class="card__line">{one_line(&line)}</p> })
            })}
            {shown(move || error.get().map(|error| view! { <p class="card__error" title=error.clone()>{one_line(&error)}</p> }))}
            {shown(move || {
                let warning = card.with(|card| card.warning.clone())?;
                Some(
                    view! {
                        <p class="card__warning" title=warning.clone()>
                            <Icon shape=Shape::Warning />
                            <span>{one_line(&warning)}</span>
                        </p>
                    },
                )
            })}
            {shown(move || used_in_words(used.get()).map(|words| view! { <p class="card__used">{words}</p> }))}
            <footer class="card__foot">
                <p class="card__facts">
                    {shown(move || project_name().map(|name| view! { <span class="card__project">{name}</span> }))}
                    <span class="card__agent">{live(move || card.with(|card| card.agent.clone()))}</span>
                    {shown(move || span.get().map(|span| view! { <Lasted span=span /> }))}
                </p>
                {shown(move || {
                    let described_by = described_by.clone();
                    (workflow.get() == Workflow::Completed).then(|| view! { <PutAway id=id described_by=described_by /> })
                })}
                <RunControls card=card described_by=title_id />
            </footer>
        </li>
    }
}

/// The way through the four stages, one segment each.
#[component]
fn Segments(workflow: Memo<Workflow>) -> impl IntoView {
    let segments = Stage::ALL.map(move |stage| {
        let reached = move || progress(workflow.get())[stage as usize].as_str();
        view! { <span class="segment" data-progress=live(reached)></span> }
    });
    view! {
        <span class="segments" role="img" aria-label=live(move || progress_in_words(workflow.get()))>
            {segments.into_iter().collect_view()}
        </span>
    }
}

/// Tokens and cost, where there are any.
fn used_in_words(used: UsedSoFar) -> Option<String> {
    let tokens = (used.tokens > 0).then(|| tr_counted!(facts.tokens_1 | tokens_n, used.tokens));
    let cost = (used.cost_microdollars > 0).then(|| dollars(used.cost_microdollars as f64 / 1e6));
    match (tokens, cost) {
        (Some(tokens), Some(cost)) => Some(format!("{tokens} · {cost}")),
        (tokens, cost) => tokens.or(cost),
    }
}

fn error_of(card: &Card) -> Option<String> {
    card.active_execution.as_ref()?.workflow_error.clone()
}

/// While it runs, since when.
fn clocking(card: &Card) -> Option<Clocking> {
    let execution = card.active_execution.as_ref().filter(|_| card.is_running())?;
    Some(Clocking { from: execution.started_at, to: None })
}

/// As much of a text as fits a line; the page cuts it to the width.
fn one_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().chars().take(200).collect()
}
