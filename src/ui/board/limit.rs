//! How many cards stand in a column, and how many it is meant to hold.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::state::BoardState;
use crate::api::set_column;
use crate::domain::{Column, ColumnSettings};
use crate::ui::hooks::{Menu, use_hydrated};
use crate::ui::kit::{MenuFrame, live, pressed};
use crate::ui::{tr, tr_counted};

/// The count, which opens the form that sets the limit.
#[component]
pub fn ColumnLimit(
    state: BoardState,
    column: Column,
    /// How many of its cards are shown.
    #[prop(into)]
    count: Signal<usize>,
    refusal: RwSignal<Option<String>>,
) -> impl IntoView {
    let (menu, hydrated) = (Menu::new(), use_hydrated());
    let limit = Memo::new(move |_| state.wip_limit(column));
    let is_over = Memo::new(move |_| limit.get().is_some_and(|limit| state.count_in(column) as i64 > limit));
    let field = NodeRef::<html::Input>::new();
    let set = move |wip_limit| {
        if let Some(menu) = menu.element.get_untracked() {
            menu.set_open(false);
        }
        spawn_local(async move {
            match set_column(ColumnSettings { id: column, wip_limit }).await {
                Ok(settings) => state.take_column(settings),
                Err(failure) => drop(refusal.try_set(Some(failure.to_string()))),
            }
        });
    };
    let words = move || {
        let cards = tr_counted!(filter.cards_1 | cards_n, count.get() as i64);
        match limit.get() {
            None => cards,
            Some(limit) if is_over.get() => tr!(limit.over, cards = cards, limit = limit),
            Some(limit) => tr!(limit.within, cards = cards, limit = limit),
        }
    };
    let text = move || match limit.get() {
        None => count.get().to_string(),
        Some(limit) => format!("{} / {limit}", count.get()),
    };
    let id = format!("limit-{column}");
    view! {
        <MenuFrame
            menu=menu
            class="column__limit"
            summary=view! {
                <summary
                    class="column__count"
                    data-over=live(move || is_over.get().then_some(""))
                    title=live(words)
                >
                    <span aria-hidden="true">{live(text)}</span>
                    <span class="visually-hidden">{live(words)}</span>
                </summary>
            }
                .into_any()
        >
            <form
                class="menu__items"
                on:submit=move |event| {
                    event.prevent_default();
                    if let Some(cards) = field.get_untracked().and_then(|field| field.value().parse().ok()) {
                        set(Some(cards));
                    }
                }
            >
                <label for=id.clone()>{tr!(limit.at_most)}</label>
                <input
                    node_ref=field
                    id=id
                    type="number"
                    required
                    min="1"
                    max=ColumnSettings::WIP_LIMIT_MAX.to_string()
                    value=live(move || limit.get().map(|limit| limit.to_string()))
                    disabled=live(move || !hydrated.get())
                />
                <button class="button" disabled=live(move || !hydrated.get())>
                    {tr!(limit.set)}
                </button>
                <button
                    type="button"
                    class="button button--quiet"
                    disabled=live(move || limit.get().is_none() || !hydrated.get())
                    on:click=pressed(move |_| set(None))
                >
                    {tr!(limit.none)}
                </button>
            </form>
        </MenuFrame>
    }
}
