//! The log of one execution.

use leptos::prelude::*;

use super::feed::LogFeed;
use super::lines::Line;
use super::stage_title;
use super::state::CardState;
use crate::ui::hooks::use_connection;
use crate::ui::kit::{counted, live, shown};

#[component]
pub fn Log(state: CardState, feed: LogFeed) -> impl IntoView {
    let follow = feed.follow;
    view! {
        <section class="log" aria-labelledby="log-title">
            <header class="log__head">
                <h2 id="log-title">{live(move || title(state, feed))}</h2>
                <Standing feed=feed />
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
                    on:scroll=move |_| follow.scrolled()
                >
                    <Earlier feed=feed />
                    {shown(move || {
                        feed.execution()
                            .is_none()
                            .then(|| {
                                view! {
                                    <p class="log__nothing">
                                        "Nothing has run yet. Once it does, what the agent says and does appears here."
                                    </p>
                                }
                            })
                    })}
                    <ol class="log__rows">
                        <For
                            each=move || feed.rows()
                            key=|(execution, row)| (execution.0.as_u128(), row.sequence)
                            children=|(_, row)| view! { <Line row=row /> }
                        />
                    </ol>
                    <div class="log__end"></div>
                </div>
                <Unseen feed=feed />
            </div>
        </section>
    }
}

fn title(state: CardState, feed: LogFeed) -> String {
    let Some(shown) = feed.execution() else { return "Log".to_owned() };
    state.executions.with(|executions| {
        let found = executions.iter().find(|execution| execution.id == shown);
        match found.and_then(|execution| Some((execution.command.stage()?, execution.attempt))) {
            Some((stage, 1)) => format!("Log of {}", stage_title(stage)),
            Some((stage, attempt)) => format!("Log of {}, attempt {attempt}", stage_title(stage)),
            None => "Log".to_owned(),
        }
    })
}

/// Whether more is to come.
#[component]
fn Standing(feed: LogFeed) -> impl IntoView {
    let connection = use_connection();
    let state = move || {
        if feed.execution().is_none() {
            ("none", String::new())
        } else if feed.is_complete() {
            ("complete", format!("complete, {}", counted(feed.last_sequence(), "line")))
        } else if connection.is_lost() {
            ("lost", "reconnecting…".to_owned())
        } else {
            ("receiving", format!("receiving…, {}", counted(feed.last_sequence(), "line")))
        }
    };
    view! {
        <p class="log__state" data-state=live(move || state().0)>
            {live(move || state().1)}
        </p>
    }
}

#[component]
fn Earlier(feed: LogFeed) -> impl IntoView {
    shown(move || {
        feed.has_earlier().then(|| {
            view! {
                <button
                    type="button"
                    class="button log__earlier"
                    disabled=live(move || feed.is_loading_earlier())
                    on:click=move |_| feed.load_earlier()
                >
                    "Load earlier"
                </button>
            }
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
            on:click=move |_| feed.follow.to_end()
        >
            {live(move || match unseen.get() {
                0 => "To the end ↓".to_owned(),
                lines => format!("{} ↓", counted(lines, "new line")),
            })}
        </button>
    }
}
