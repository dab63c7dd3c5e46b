//! The log of one execution.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::tachys::view::keyed::keyed;

use super::chosen::{Chosen, ChosenLines};
use super::feed::LogFeed;
use super::find::{FindBar, Finder};
use super::lines::{Highlight, Line, type_word};
use super::range::LineRange;
use super::stage_title;
use super::state::CardState;
use super::window::{PAGE, Row};
use crate::domain::{CardId, ExecutionId, ExecutionStatus, LogType};
use crate::ui::hooks::{Menu, remembered, use_connection, use_hydrated};
use crate::ui::kit::{Icon, MenuFrame, Shape, ToolButton, live, pressed, shown};
use crate::ui::{tr, tr_counted};

/// A row, whose log it is of, and how it stands out.
type Shown = (ExecutionId, Highlight, Arc<Row>);

#[component]
pub fn Log(
    state: CardState,
    feed: LogFeed,
    /// The lines that the address names.
    lines: Memo<Option<LineRange>>,
) -> impl IntoView {
    let follow = feed.follow;
    let card = state.card.with_untracked(|card| card.id);
    let chosen = Chosen::new(lines, card, feed);
    let finder = Finder::new(feed, chosen);
    let (is_cut, is_since) = (remembered("cardume.log.cut"), remembered("cardume.log.since"));
    let hidden = RwSignal::new(Vec::new());
    let opens_at_line = lines.with_untracked(Option::is_some);
    let rows = move || {
        let rows = feed.rows().into_iter();
        rows.map(|(execution, row)| (execution, finder.highlight(row.line.sequence), row)).collect::<Vec<Shown>>()
    };
    let key = |(execution, highlight, row): &Shown| {
        (execution.0.as_u128(), row.line.sequence, highlight.is_current, highlight.found.clone())
    };
    let line = move |(execution, highlight, row): Shown| {
        let started_at = feed.started_untracked();
        view! { <Line card=card execution=execution row=row highlight=highlight started_at=started_at /> }
    };
    // Not `For`: that makes an owner for each row and keeps what is left of it for ever, as long as the list is there
    // (reactive_graph 0.2). Rows come and go for hours, and nothing in them needs an owner.
    view! {
        <section
            class="log"
            aria-labelledby="log-title"
            data-cut=live(move || is_cut.get().then_some(""))
            data-since=live(move || is_since.get().then_some(""))
            data-hidden=live(move || hidden.with(|kinds: &Vec<LogType>| in_words(kinds)))
        >
            <header class="log__head">
                <h2 id="log-title">{live(move || title(state, feed))}</h2>
                <Standing state=state feed=feed />
                <div class="log__tools">
                    <FindBar finder=finder />
                    <Tools feed=feed finder=finder is_cut=is_cut is_since=is_since hidden=hidden />
                </div>
            </header>
            <div class="log__frame">
                <div
                    node_ref=follow.element
                    class="log__scroll"
                    data-testid="log"
                    role="log"
                    aria-live="off"
                    aria-labelledby="log-title"
                    tabindex="0"
                    aria-busy=live(move || if feed.is_loading() { "true" } else { "false" })
                    on:scroll=move |_| feed.scrolled()
                    on:click=pressed(move |event| chosen.click(&event))
                    on:keydown=move |event| {
                        // The browser takes its time to scroll, rows come in meanwhile, and the end is followed.
                        match event.key().as_str() {
                            "End" => {
                                event.prevent_default();
                                feed.follow.to_end();
                            }
                            "Home" => {
                                event.prevent_default();
                                feed.go_to(1);
                            }
                            "PageUp" | "ArrowUp" => feed.follow.leave_end(),
                            _ => {}
                        }
                    }
                >
                    <Pages card=card feed=feed />
                    {shown(move || {
                        feed.execution()
                            .is_none()
                            .then(|| {
                                view! {
                                    <p class="log__nothing">
                                        {tr!(log.nothing_yet)}
                                    </p>
                                }
                            })
                    })}
                    <div node_ref=follow.before class="log__space" aria-hidden="true"></div>
                    <ol node_ref=follow.rows class="log__rows">
                        {move || keyed(rows(), key, move |_, row| (drop::<usize>, line(row)))}
                    </ol>
                    <div node_ref=follow.after class="log__space" aria-hidden="true"></div>
                    <div class="log__end" hidden=opens_at_line></div>
                </div>
                <Unseen feed=feed />
                <ChosenLines chosen=chosen />
            </div>
        </section>
    }
}

/// What can be done with the whole log.
#[component]
fn Tools(
    feed: LogFeed,
    finder: Finder,
    is_cut: RwSignal<bool>,
    is_since: RwSignal<bool>,
    hidden: RwSignal<Vec<LogType>>,
) -> impl IntoView {
    let address = move |form: &str| {
        feed.execution().map(|execution| format!("/api/executions/{execution}/logs.{form}")).unwrap_or_default()
    };
    view! {
        <div class="log__buttons">
            <ToolButton
                shape=Shape::Up
                text=tr!(log.top)
                label=tr!(log.to_first)
                act=pressed(move |_| feed.go_to(1))
            />
            <ToolButton shape=Shape::Failed text=tr!(log.next_error) act=pressed(move |_| finder.next_error()) />
            <Kinds feed=feed hidden=hidden />
            <ToolButton
                class="log__since"
                shape=Shape::Clock
                text=tr!(log.since)
                label=tr!(log.since_start)
                is_pressed=live(move || is_since.get())
                act=pressed(move |_| is_since.update(|is_since| *is_since = !*is_since))
            />
            <ToolButton
                shape=Shape::Wrap
                text=tr!(log.wrap)
                label=tr!(log.wrap_long)
                is_pressed=live(move || !is_cut.get())
                act=pressed(move |_| is_cut.update(|is_cut| *is_cut = !*is_cut))
            />
            {shown(move || {
                feed.execution()
                    .is_some()
                    .then(|| {
                        view! {
                            <a class="button button--quiet" href=live(move || address("txt")) rel="external" download="" aria-label=tr!(log.download_text)>
                                <Icon shape=Shape::Download />
                                {tr!(log.text)}
                            </a>
                            <a class="button button--quiet" href=live(move || address("jsonl")) rel="external" download="" aria-label=tr!(log.download_json)>
                                <Icon shape=Shape::Download />
                                {tr!(log.json)}
                            </a>
                        }
                    })
            })}
        </div>
    }
}

/// Which kinds of rows are shown.
#[component]
fn Kinds(feed: LogFeed, hidden: RwSignal<Vec<LogType>>) -> impl IntoView {
    let (menu, hydrated) = (Menu::new(), use_hydrated());
    let choice = move |kind: LogType| {
        let toggle = move |_| {
            hidden.update(|kinds| match kinds.iter().position(|hidden| *hidden == kind) {
                Some(at) => drop(kinds.remove(at)),
                None => kinds.push(kind),
            });
            // There may be room for others now.
            request_animation_frame(move || feed.scrolled());
        };
        view! {
            <label class="menu__choice">
                <input type="checkbox" checked=true disabled=live(move || !hydrated.get()) on:change=toggle />
                {type_word(kind)}
            </label>
        }
    };
    view! {
        <MenuFrame
            menu=menu
            summary=view! {
                <summary class="button button--quiet">
                    <Icon shape=Shape::Filter />
                    <span class="button__label">{tr!(log.rows)}</span>
                </summary>
            }
                .into_any()
        >
            <fieldset class="menu__items">
                <legend class="visually-hidden">{tr!(log.rows_shown)}</legend>
                {LogType::ALL.map(choice).into_iter().collect_view()}
            </fieldset>
        </MenuFrame>
    }
}

fn in_words(kinds: &[LogType]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ")
}

fn title(state: CardState, feed: LogFeed) -> String {
    let Some(shown) = feed.execution() else { return tr!(log.log).to_owned() };
    state.executions.with(|executions| {
        let found = executions.iter().find(|execution| execution.id == shown);
        match found.and_then(|execution| Some((execution.command.stage()?, execution.attempt))) {
            Some((stage, 1)) => tr!(log.of, stage = stage_title(stage)),
            Some((stage, attempt)) => tr!(log.of_attempt, stage = stage_title(stage), attempt = attempt),
            None => tr!(log.log).to_owned(),
        }
    })
}

/// Whether more is to come; and once it is not, whether all is here.
#[component]
fn Standing(state: CardState, feed: LogFeed) -> impl IntoView {
    let connection = use_connection();
    let text = Memo::new(move |_| {
        let Some(execution) = feed.execution() else { return ("none", String::new()) };
        let lines = tr_counted!(log.lines_1 | lines_n, feed.last_sequence());
        if !feed.is_complete() {
            return match connection.is_lost() {
                true => ("lost", tr!(log.reconnecting).to_owned()),
                false => ("receiving", tr!(log.receiving, lines = lines)),
            };
        }
        match known_end(state, execution) {
            End::Whole => ("complete", tr!(log.complete, lines = lines)),
            End::NotYetKnown => ("receiving", tr!(log.receiving, lines = lines)),
            End::Unknown => ("cut", tr!(log.may_be_missing, lines = lines)),
            End::Damaged => ("cut", tr!(log.is_missing, lines = lines)),
        }
    });
    view! {
        <p class="log__state" data-state=live(move || text.get().0)>
            {live(move || text.get().1)}
        </p>
    }
}

/// What is known of the end of a log to which no more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// What is here is to the byte what the agent's supervisor saw.
    Whole,
    NotYetKnown,
    /// The supervisor left no word.
    Unknown,
    Damaged,
}

fn known_end(state: CardState, id: ExecutionId) -> End {
    state.executions.with(|executions| {
        let Some(execution) = executions.iter().find(|execution| execution.id == id) else { return End::NotYetKnown };
        match (execution.status, execution.verified) {
            (ExecutionStatus::Running, _) => End::NotYetKnown,
            (ExecutionStatus::Idle, _) | (_, Some(true)) => End::Whole,
            (_, Some(false)) => End::Damaged,
            (ExecutionStatus::Lost, None) => End::Unknown,
            // An agent that never started has printed nothing.
            (_, None) if execution.digest.is_none() => End::Whole,
            (_, None) => End::Unknown,
        }
    })
}

/// The ways to the other parts of the log, for who reads without scripts; a page that listens loads them by itself.
#[component]
fn Pages(card: CardId, feed: LogFeed) -> impl IntoView {
    let hydrated = use_hydrated();
    shown(move || {
        let execution = feed.execution().filter(|_| !hydrated.get())?;
        let ((first, last), all) = (feed.bounds(), feed.last_sequence());
        if first <= 1 && last >= all {
            return None;
        }
        let to = |line: i64| format!("/cards/{card}?execution={execution}&line={line}");
        // Where rows are very long a part has fewer, and nobody knows how many the next one has: no row is skipped.
        let half = if last - first + 1 < PAGE { 0 } else { PAGE / 2 };
        Some(view! {
            <nav class="log__pages" aria-label=tr!(log.parts)>
                <span>{tr!(log.from_to, first = first, last = last, all = all)}</span>
                {(first > 1).then(|| view! { <a href=to(1)>{tr!(log.first)}</a> <a href=to((first - 1 - half).max(1))>{tr!(log.earlier)}</a> })}
                {(last < all).then(|| view! { <a href=to(last + half.max(1))>{tr!(log.later)}</a> <a href=to(all)>{tr!(log.last)}</a> })}
            </nav>
        })
    })
}

#[component]
fn Unseen(feed: LogFeed) -> impl IntoView {
    let unseen = Memo::new(move |_| feed.unseen());
    view! {
        <button
            type="button"
            class="button log__unseen"
            hidden=live(move || feed.follow.at_end())
            on:click=pressed(move |_| feed.follow.to_end())
        >
            {live(move || match unseen.get() {
                0 => tr!(log.to_end).to_owned(),
                lines => tr_counted!(log.new_lines_1 | new_lines_n, lines),
            })}
        </button>
    }
}
