//! Deleting a card: at once, with a day to think better of it instead of a question.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::put_away::LastPutAway;
use super::state::CardState;
use crate::domain::{Card, CardEdit};
use crate::ui::hooks::use_hydrated;
use crate::ui::kit::{Icon, Shape, live, pressed};
use crate::ui::tr;

#[component]
pub fn DeleteCard(state: CardState, refusal: RwSignal<Option<String>>) -> impl IntoView {
    let navigate = use_navigate();
    let last = expect_context::<LastPutAway>();
    let hydrated = use_hydrated();
    let is_running = Memo::new(move |_| state.card.with(Card::is_running));
    let is_deleted = Memo::new(move |_| state.card.with(|card| card.discarded_at.is_some()));
    let delete = move |_| {
        let navigate = navigate.clone();
        state.edit(CardEdit { discarded: Some(true), ..CardEdit::default() }, refusal, move |card| {
            last.say(card.id, tr!(archive.was_deleted, title = card.title));
            navigate("/", Default::default());
        });
    };
    view! {
        <button
            type="button"
            class="button"
            disabled=live(move || !hydrated.get() || is_running.get() || is_deleted.get())
            title=live(move || is_running.get().then_some(tr!(form.delete_running)))
            on:click=pressed(delete)
        >
            <Icon shape=Shape::Trash />
            <span class="button__label">{tr!(form.delete)}</span>
        </button>
    }
}
