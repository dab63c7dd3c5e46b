//! The line above the columns that says which cards they show: a plain form, so that it works without the WASM, too.

use leptos::html;
use leptos::prelude::*;

use super::arrange::Shown;
use super::filter::{Filter, Standing};
use super::state::BoardState;
use crate::ui::hooks::{Address, on_key, piece, use_address};
use crate::ui::kit::{live, shown};
use crate::ui::{tr, tr_counted};

#[component]
pub fn Filters(state: BoardState, filter: Memo<Filter>, shown_cards: Shown) -> impl IntoView {
    let has_cards = Memo::new(move |_| state.has_cards());
    shown(move || {
        has_cards
            .get()
            .then(|| piece(move || view! { <FilterForm state=state filter=filter shown_cards=shown_cards /> }))
    })
}

#[component]
fn FilterForm(state: BoardState, filter: Memo<Filter>, shown_cards: Shown) -> impl IntoView {
    let address = use_address();
    let words = NodeRef::<html::Input>::new();
    let project = Memo::new(move |_| filter.with(|filter| filter.project));
    let asked = StoredValue::new(filter.get_untracked().words);
    let ask = move |typed: String, soon: bool| {
        asked.set_value(typed.trim().to_owned());
        let to = Filter { words: typed, ..filter.get_untracked() }.address();
        if soon { address.replace_soon(to) } else { address.replace(to) }
    };
    // What somebody types stays as it is; what a link or Back has changed is shown.
    Effect::new(move |_| {
        let known = filter.with(|filter| filter.words.clone());
        if let Some(input) = words.get()
            && asked.get_value() != known
        {
            input.set_value(&known);
            asked.set_value(known);
        }
    });
    on_key("/", move || {
        if let Some(input) = words.get_untracked() {
            let _ = input.focus();
            input.select();
        }
    });
    view! {
        <search class="filters">
            <form
                class="filters__form"
                action="/"
                on:submit=move |event| {
                    event.prevent_default();
                    if let Some(input) = words.get_untracked() {
                        ask(input.value(), false);
                    }
                }
            >
                {shown(move || {
                    let id = project.get()?;
                    Some(view! { <input type="hidden" name="project" value=id.to_string() /> })
                })}
                <input
                    node_ref=words
                    class="filters__words"
                    type="search"
                    name="q"
                    value=filter.get_untracked().words
                    maxlength="200"
                    placeholder=tr!(filter.search_cards)
                    aria-label=tr!(filter.search_cards)
                    aria-keyshortcuts="/"
                    autocomplete="off"
                    spellcheck="false"
                    on:input=move |event| ask(event_target_value(&event), true)
                    on:keydown=move |event| {
                        if event.key() == "Escape" {
                            event.prevent_default();
                            if let Some(input) = words.get_untracked() {
                                input.set_value("");
                                ask(String::new(), false);
                            }
                        }
                    }
                />
                <AgentFilter state=state filter=filter address=address />
                <StandingFilter filter=filter address=address />
                <button class="button filters__apply">{tr!(filter.search)}</button>
            </form>
            <FilterResult state=state filter=filter shown_cards=shown_cards />
        </search>
    }
}

/// Only where there is something to choose.
#[component]
fn AgentFilter(state: BoardState, filter: Memo<Filter>, address: Address) -> impl IntoView {
    let chosen = Memo::new(move |_| filter.with(|filter| filter.agent.clone()));
    let agents = Memo::new(move |_| state.agents(&chosen.get()));
    let choose = Callback::new(move |agent| address.replace(Filter { agent, ..filter.get_untracked() }.address()));
    shown(move || {
        let agents = agents.get();
        (agents.len() > 1).then(|| {
            let options = agents.into_iter().map(|name| (name.clone(), name)).collect();
            view! { <Choice name="agent" label=tr!(filter.agent) any=tr!(filter.any_agent) options=options chosen=chosen choose=choose /> }
        })
    })
}

#[component]
fn StandingFilter(filter: Memo<Filter>, address: Address) -> impl IntoView {
    let chosen =
        Memo::new(move |_| filter.with(|filter| filter.standing.map(Standing::as_str).unwrap_or_default().to_owned()));
    let options = Standing::ALL.map(|standing| (standing.as_str().to_owned(), standing.title().to_owned())).into();
    let choose = Callback::new(move |word: String| {
        let standing = Standing::named(&word);
        address.replace(Filter { standing, ..filter.get_untracked() }.address());
    });
    view! { <Choice name="stage" label=tr!(filter.stage) any=tr!(filter.any_stage) options=options chosen=chosen choose=choose /> }
}

#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    /// What it says when nothing is chosen.
    any: &'static str,
    /// As the address has them, and as they are read.
    options: Vec<(String, String)>,
    chosen: Memo<String>,
    choose: Callback<String>,
) -> impl IntoView {
    let option = move |(word, title): (String, String)| {
        // The attribute is what the server says; once somebody has chosen, a browser goes by the property alone.
        let is_first = chosen.with_untracked(|chosen| *chosen == word);
        let value = word.clone();
        let is_chosen = move || chosen.with(|chosen| *chosen == word);
        view! {
            <option value=value selected=is_first prop:selected=is_chosen>
                {title}
            </option>
        }
    };
    let options = std::iter::once((String::new(), any.to_owned())).chain(options).map(option);
    view! {
        <select
            class="filters__choice"
            name=name
            aria-label=label
            data-set=live(move || chosen.with(|chosen| (!chosen.is_empty()).then_some("")))
            on:change=move |event| choose.run(event_target_value(&event))
        >
            {options.collect_view()}
        </select>
    }
}

/// How many cards are left, and the way back to all of them.
#[component]
fn FilterResult(state: BoardState, filter: Memo<Filter>, shown_cards: Shown) -> impl IntoView {
    let counts = Memo::new(move |_| {
        let project = filter.with(|filter| filter.is_set().then_some(filter.project))?;
        Some((shown_cards.with(Vec::len), state.count(project)))
    });
    let words = move || match counts.get() {
        None => String::new(),
        Some((0, all)) => tr!(filter.none, cards = cards(all)),
        Some((shown, all)) => tr!(filter.some, shown = shown, cards = cards(all)),
    };
    view! {
        <div class="filters__result">
            <p role="status">{live(words)}</p>
            {shown(move || {
                counts
                    .get()
                    .map(|_| {
                        let all = move || filter.with(|filter| filter.cleared().address());
                        view! { <a href=live(all)>{tr!(filter.clear)}</a> }
                    })
            })}
        </div>
    }
}

fn cards(count: usize) -> String {
    tr_counted!(filter.cards_1 | cards_n, count as i64)
}
