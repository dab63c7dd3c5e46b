//! Searching the log that is shown: the server looks through all of it, the page marks what it found and leads there.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::chosen::Chosen;
use super::feed::LogFeed;
use super::lines::Highlight;
use super::range::LineRange;
use crate::api::{FoundRows, next_error, search_log};
use crate::domain::ExecutionId;
use crate::ui::failures::read_failure;
use crate::ui::hooks::{on_key, use_hydrated};
use crate::ui::kit::{Icon, Shape, live, pressed};
use crate::ui::tr;

/// One question brings so many rows; the next ones come when the reader gets there.
const PAGE: i64 = 200;

type Found = Vec<Match>;

/// A row's sequence, and where in it something was found.
type Match = (i64, Arc<[(u32, u32)]>);

/// What was found, and where the reader is in it.
#[derive(Clone, Copy)]
pub struct Finder {
    feed: LogFeed,
    chosen: Chosen,
    query: RwSignal<String>,
    found: RwSignal<Found>,
    current: RwSignal<Option<i64>>,
    /// All rows up to this one were looked at, of this execution.
    searched: RwSignal<Option<(ExecutionId, i64)>>,
    has_more: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
    /// Counts the questions: only the answer to the last is wanted.
    asked: StoredValue<u32>,
}

/// Which way to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Back,
}

impl Finder {
    pub fn new(feed: LogFeed, chosen: Chosen) -> Self {
        let finder = Self {
            feed,
            chosen,
            query: RwSignal::new(String::new()),
            found: RwSignal::new(Found::new()),
            current: RwSignal::new(None),
            searched: RwSignal::new(None),
            has_more: RwSignal::new(false),
            problem: RwSignal::new(None),
            asked: StoredValue::new(0),
        };
        // What was found in one log says nothing of another.
        Effect::new(move |before: Option<Option<ExecutionId>>| {
            let shown = feed.execution();
            if before.is_some_and(|before| before != shown) && !finder.query.with_untracked(String::is_empty) {
                finder.search(finder.query.get_untracked());
            }
            shown
        });
        finder
    }

    /// How a row stands out.
    pub fn highlight(self, sequence: i64) -> Highlight {
        let place = |found: &Found| found.binary_search_by_key(&sequence, |(found, _)| *found).ok();
        let found = self.found.with(|found| place(found).map(|at| found[at].1.clone())).unwrap_or_default();
        let is_current = match self.current.get() {
            Some(current) => current == sequence,
            None => self.chosen.lines.with(|lines| lines.is_some_and(|lines| lines.has(sequence))),
        };
        Highlight { found, is_current }
    }

    /// Looks for other words, from the beginning; or chooses the lines that are named.
    fn search(self, query: String) {
        self.query.set(query.clone());
        self.forget();
        if let Some(lines) = lines_named(&query) {
            self.chosen.choose(lines);
        } else if !query.trim().is_empty() {
            self.ask(0, |finder| {
                finder.current.set(finder.found.with_untracked(|found| sequence_of(found.first())));
            });
        }
    }

    fn forget(self) {
        self.asked.update_value(|asked| *asked = asked.wrapping_add(1));
        self.found.set(Found::new());
        self.current.set(None);
        self.searched.set(None);
        self.has_more.set(false);
        self.problem.set(None);
    }

    fn ask(self, after: i64, then: impl FnOnce(Self) + 'static) {
        let Some(execution) = self.feed.execution_untracked() else { return };
        let query = self.query.get_untracked();
        let number = self.asked.get_value().wrapping_add(1);
        self.asked.set_value(number);
        spawn_local(async move {
            let answer = search_log(execution, query, after, PAGE).await;
            // The page may be gone by now, and its signals with it; or somebody look for something else.
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            match answer {
                Ok(FoundRows { rows, searched_to, more }) => {
                    // They all come after what was found before.
                    self.found.update(|found| {
                        found.extend(rows.into_iter().map(|(sequence, places)| (sequence, places.into())));
                    });
                    self.searched.set(Some((execution, searched_to)));
                    self.has_more.set(more);
                    then(self);
                    if let Some(current) = self.current.get_untracked() {
                        self.feed.go_to(current);
                    }
                }
                Err(failure) => self.problem.set(Some(read_failure(&failure))),
            }
        });
    }

    /// To the next row or the one before; behind the last one that is known more are looked for, and behind the very last
    /// comes the first again.
    fn step(self, way: Way) {
        if let Some(lines) = self.query.with_untracked(|query| lines_named(query)) {
            return self.chosen.choose(lines);
        }
        let at = self.current.get_untracked();
        let next = self.found.with_untracked(|found| match (way, at) {
            (Way::Forward, Some(at)) => sequence_of(found.get(up_to(found, at))),
            (Way::Back, Some(at)) => sequence_of(found[..up_to(found, at - 1)].last()),
            (_, None) => sequence_of(found.first()),
        });
        let searched = self.searched.get_untracked().map_or(0, |(_, to)| to);
        match next {
            Some(next) => self.show(next),
            // The log may have grown since.
            None if way == Way::Forward => self.ask(searched, move |finder| {
                let next = finder.found.with_untracked(|found| {
                    let behind = at.and_then(|at| found.get(up_to(found, at)));
                    sequence_of(behind.or(found.first()))
                });
                finder.current.set(next);
            }),
            None => {
                if let Some(last) = self.found.with_untracked(|found| sequence_of(found.last())) {
                    self.show(last);
                }
            }
        }
    }

    /// To the next row behind the current one that tells of a failure; behind the last one comes the first again.
    pub fn next_error(self) {
        let Some(execution) = self.feed.execution_untracked() else { return };
        let chosen = self.chosen.lines.get_untracked().map(|lines| lines.last);
        let after = self.current.get_untracked().or(chosen).unwrap_or(0);
        let number = self.asked.get_value().wrapping_add(1);
        self.asked.set_value(number);
        self.problem.set(None);
        spawn_local(async move {
            let mut answer = next_error(execution, after).await;
            if after > 0 && matches!(answer, Ok(None)) {
                answer = next_error(execution, 0).await;
            }
            // As for a search.
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            match answer {
                Ok(Some(sequence)) => self.show(sequence),
                Ok(None) => self.problem.set(Some(tr!(find.no_error).to_owned())),
                Err(failure) => self.problem.set(Some(read_failure(&failure))),
            }
        });
    }

    fn show(self, sequence: i64) {
        self.current.set(Some(sequence));
        self.feed.go_to(sequence);
    }

    /// `3 of 200+`.
    fn standing(self) -> String {
        if let Some(problem) = self.problem.get() {
            return problem;
        }
        if self.query.with(|query| query.trim().is_empty() || lines_named(query).is_some()) {
            return String::new();
        }
        if self.searched.with(Option::is_none) {
            return tr!(find.searching).to_owned();
        }
        let (count, more) = (self.found.with(Vec::len), if self.has_more.get() { "+" } else { "" });
        match self.current.get() {
            Some(current) => {
                let place = self.found.with(|found| up_to(found, current));
                tr!(find.place, place = place, all = format!("{count}{more}"))
            }
            None => tr!(find.none).to_owned(),
        }
    }
}

/// The lines that a question like `:120` or `:120-140` names.
fn lines_named(query: &str) -> Option<LineRange> {
    query.trim().strip_prefix(':')?.parse().ok()
}

/// How many of the rows found come up to this one, itself included.
fn up_to(found: &Found, sequence: i64) -> usize {
    found.partition_point(|(found, _)| *found <= sequence)
}

fn sequence_of(found: Option<&Match>) -> Option<i64> {
    found.map(|(sequence, _)| *sequence)
}

/// The field, where in what was found one is, and the ways on.
#[component]
pub fn FindBar(finder: Finder) -> impl IntoView {
    let hydrated = use_hydrated();
    let field = NodeRef::<html::Input>::new();
    on_key("/", move || {
        if let Some(field) = field.get_untracked() {
            // Refused only for what cannot have the focus.
            let _ = field.focus();
            field.select();
        }
    });
    let has_none = Memo::new(move |_| finder.found.with(Vec::is_empty));
    let sought = move || field.get_untracked().map(|field| field.value()).unwrap_or_default();
    let step = move |way| {
        // What was typed and not yet looked for comes first.
        if sought() == finder.query.get_untracked() { finder.step(way) } else { finder.search(sought()) }
    };
    view! {
        <div class="find" role="search" aria-label=tr!(find.this_log)>
            <Icon shape=Shape::Search />
            <input
                node_ref=field
                type="search"
                class="find__field"
                aria-label=tr!(find.search)
                aria-keyshortcuts="/"
                placeholder=tr!(find.hint)
                autocomplete="off"
                maxlength=crate::domain::SearchLimits::QUERY_MAX_CHARS.to_string()
                disabled=live(move || !hydrated.get())
                on:input=move |_| {
                    if sought().is_empty() {
                        finder.search(String::new());
                    }
                }
                on:keydown=move |event| {
                    match event.key().as_str() {
                        "Enter" => {
                            event.prevent_default();
                            step(if event.shift_key() { Way::Back } else { Way::Forward });
                        }
                        "Escape" => {
                            if let Some(field) = field.get_untracked() {
                                field.set_value("");
                            }
                            finder.search(String::new());
                        }
                        _ => {}
                    }
                }
            />
            <span class="find__standing" role="status">
                {live(move || finder.standing())}
            </span>
            <button
                type="button"
                class="button button--quiet"
                aria-label=tr!(find.previous)
                disabled=live(move || has_none.get())
                on:click=pressed(move |_| finder.step(Way::Back))
            >
                <Icon shape=Shape::Up />
            </button>
            <button
                type="button"
                class="button button--quiet"
                aria-label=tr!(find.next)
                disabled=live(move || has_none.get())
                on:click=pressed(move |_| finder.step(Way::Forward))
            >
                <Icon shape=Shape::Down />
            </button>
        </div>
    }
}
