//! How many cards stand in a column, and how many it is meant to hold.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::state::BoardState;
use crate::api::set_column;
use crate::domain::{Column, ColumnSettings};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Content, Menu, later};
use crate::ui::kit::{MenuFrame, come, live, pressed, shown};
use crate::ui::{tr, tr_counted};

/// The count, which opens the form that sets the limit.
#[component]
pub fn ColumnLimit(
    state: BoardState,
    column: Column,
    /// How many of its cards are asked for, and how many of them are not drawn yet.
    counts: Memo<(usize, usize)>,
    refusal: RwSignal<Option<String>>,
) -> impl IntoView {
    let menu = Menu::new();
    let limit = Memo::new(move |_| state.wip_limit(column));
    let count = move || counts.get().0 as i64;
    let is_over = Memo::new(move |_| limit.get().is_some_and(|limit| state.count_in(column) as i64 > limit));
    let words = move || {
        let cards = tr_counted!(filter.cards_1 | cards_n, count());
        match limit.get() {
            None => cards,
            Some(limit) if is_over.get() => tr!(limit.over, cards = cards, limit = limit),
            Some(limit) => tr!(limit.within, cards = cards, limit = limit),
        }
    };
    let form: Content = later(move || limit_form(state, column, menu, refusal));
    let text = move || match limit.get() {
        None => count().to_string(),
        Some(limit) => format!("{} / {limit}", count()),
    };
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
            {shown(move || {
                menu.is_open().then(|| {
                    let form = form();
                    Suspend::new(come(form))
                })
            })}
        </MenuFrame>
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn limit_form(
    state: BoardState,
    column: Column,
    menu: Menu,
    refusal: RwSignal<Option<String>>,
) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <LimitForm state=state column=column menu=menu refusal=refusal /> }.into_any())
}

#[component]
fn LimitForm(state: BoardState, column: Column, menu: Menu, refusal: RwSignal<Option<String>>) -> impl IntoView {
    let limit = untrack(|| state.wip_limit(column));
    let field = NodeRef::<html::Input>::new();
    let set = move |wip_limit| {
        menu.close();
        spawn_local(async move {
            match set_column(ColumnSettings { id: column, wip_limit }).await {
                Ok(settings) => state.take_column(settings),
                Err(failure) => drop(refusal.try_set(Some(change_failure(&failure)))),
            }
        });
    };
    let id = format!("limit-{column}");
    view! {
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
                value=limit.map(|limit| limit.to_string())
            />
            <button class="button">
                {tr!(limit.set)}
            </button>
            <button
                type="button"
                class="button button--quiet"
                disabled=limit.is_none()
                on:click=pressed(move |_| set(None))
            >
                {tr!(limit.none)}
            </button>
        </form>
    }
}
