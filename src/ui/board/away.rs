//! What has ended while nobody looked: told in a list when somebody comes back, in the tab's title until then, and by the
//! browser where that is wanted.
//!
//! It goes by the server's own times alone. What somebody has seen is all that had ended when the page was last looked
//! at; the browser keeps that from one visit to the next.

use std::time::Duration;

use leptos::prelude::*;

use super::state::BoardState;
use crate::domain::{CardId, ExecutionStatus};
use crate::ui::hooks::{KeptText, use_hidden, use_notifications};
use crate::ui::kit::{Icon, Mark, Shape, live, pressed, shown};
use crate::ui::run::mark_of;
use crate::ui::{tr, tr_counted};

/// A page that wakes is told a moment later what has ended meanwhile.
const CATCHES_UP_IN: Duration = Duration::from_secs(2);
/// So many are listed; the others are counted.
const LISTED_MAX: usize = 5;

/// A run that has ended, on its own or not as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    card: CardId,
    title: String,
    /// Milliseconds since 1970, by the server's clock.
    at: i64,
}

/// What ended while nobody looked.
#[derive(Clone, Copy)]
pub struct Away {
    state: BoardState,
    /// The latest first.
    ended: Memo<Vec<Ended>>,
    /// What ended later than this has not been seen. `None`: nothing is known yet.
    since: RwSignal<Option<i64>>,
    /// What ended later than this was seen as it came. `None`: nobody looks.
    until: RwSignal<Option<i64>>,
}

impl Away {
    pub fn new(state: BoardState) -> Self {
        let ended = Memo::new(move |_| {
            let mut ended: Vec<Ended> = state
                .ended()
                .into_iter()
                .filter_map(|card| {
                    let execution = card.active_execution?;
                    // Who cancels a run knows of it.
                    let counts = !matches!(execution.status, ExecutionStatus::Cancelled | ExecutionStatus::Idle);
                    let at = execution.completed_at?.as_millis();
                    counts.then_some(Ended { card: card.id, title: card.title, at })
                })
                .collect();
            ended.sort_by_key(|ended| std::cmp::Reverse(ended.at));
            ended
        });
        let away = Self { state, ended, since: RwSignal::new(None), until: RwSignal::new(None) };
        away.watch();
        away
    }

    fn watch(self) {
        let seen = KeptText::of("cardume.seen");
        let hidden = use_hidden();
        let notifications = use_notifications();
        let latest = move || self.ended.with_untracked(|ended| ended.first().map_or(0, |ended| ended.at));
        Effect::new(move |before: Option<bool>| {
            let is_hidden = hidden.get();
            match (before, is_hidden) {
                (None, _) => {
                    self.since.set(Some(seen.text().parse().unwrap_or_else(|_| latest())));
                    self.until.set((!is_hidden).then(latest));
                }
                (Some(_), true) => {
                    if untrack(|| self.missed().is_empty()) {
                        self.since.set(Some(latest()));
                    }
                    self.until.set(None);
                }
                (Some(_), false) => set_timeout(
                    move || {
                        if self.until.try_get_untracked() == Some(None) && !document().hidden() {
                            self.until.set(Some(latest()));
                        }
                    },
                    CATCHES_UP_IN,
                ),
            }
            is_hidden
        });
        Effect::new(move |told: Option<i64>| {
            let (newest, is_hidden) =
                (self.ended.with(|ended| ended.first().map_or(0, |ended| ended.at)), hidden.get());
            if !is_hidden && self.until.get().is_some() {
                seen.keep(&newest.to_string());
            } else if let (true, Some(told)) = (is_hidden, told) {
                self.ended.with_untracked(|ended| {
                    for ended in ended.iter().filter(|ended| ended.at > told).take(LISTED_MAX) {
                        let text = format!("{}: {}", ended.title, self.word(ended.card));
                        notifications.tell(&text, &ended.card.to_string(), format!("/cards/{}", ended.card));
                    }
                });
            }
            newest
        });
    }

    /// What has not been seen, the latest first.
    fn missed(self) -> Vec<Ended> {
        let (Some(since), until) = (self.since.get(), self.until.get()) else { return vec![] };
        self.ended.with(|ended| {
            let is_missed = |ended: &&Ended| ended.at > since && until.is_none_or(|until| ended.at <= until);
            ended.iter().filter(is_missed).cloned().collect()
        })
    }

    /// How many runs have ended, while nobody looks.
    pub fn count(self) -> usize {
        if self.until.get().is_some() { 0 } else { self.missed().len() }
    }

    fn mark(self, card: CardId) -> Option<Mark> {
        self.state.card(card).and_then(|known| known.card.with_untracked(mark_of))
    }

    fn word(self, card: CardId) -> String {
        self.mark(card).map(|mark| mark.word).unwrap_or_default()
    }
}

/// The list, until somebody has done with it.
#[component]
pub fn WhileAway(away: Away) -> impl IntoView {
    let missed = Memo::new(move |_| if away.until.get().is_some() { away.missed() } else { vec![] });
    shown(move || {
        let missed = missed.get();
        if missed.is_empty() {
            return None;
        }
        let more = missed.len().saturating_sub(LISTED_MAX) as i64;
        let rows = missed.into_iter().take(LISTED_MAX).map(move |ended| {
            let mark = away.mark(ended.card);
            let tone = mark.as_ref().map(|mark| mark.tone.as_str());
            view! {
                <li data-tone=tone>
                    {mark.map(|mark| view! { <Icon shape=mark.shape /> })}
                    <a href=format!("/cards/{}", ended.card)>{ended.title}</a>
                    <span>{away.word(ended.card)}</span>
                </li>
            }
        });
        Some(view! {
            <section class="notice notice--calm away" aria-label=tr!(away.title)>
                <h2>{tr!(away.title)}</h2>
                <ul>{rows.collect_view()}</ul>
                {(more > 0).then(|| view! { <p>{tr_counted!(away.more_1 | more_n, more)}</p> })}
                <button
                    type="button"
                    class="button button--quiet button--square"
                    aria-label=tr!(page.dismiss)
                    on:click=pressed(move |_| away.since.set(away.until.get_untracked().or(away.since.get_untracked())))
                >
                    <Icon shape=Shape::Close />
                </button>
                <p class="visually-hidden" role="status">{live(move || tr!(away.title))}</p>
            </section>
        })
    })
}
