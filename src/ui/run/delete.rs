//! Deleting a card: at once, with a day to think better of it instead of a question.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;

use super::put_away::{LastPutAway, PutAwayCard};
use super::state::CardState;
use crate::api::edit_card;
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
        let (id, navigate) = (state.card.with_untracked(|card| card.id), navigate.clone());
        refusal.set(None);
        spawn_local(async move {
            let answer = edit_card(id, CardEdit { discarded: Some(true), ..CardEdit::default() }).await;
            // The page may be gone by now, and its signals with it.
            if state.is_gone.try_get_untracked().is_none() {
                return;
            }
            match answer {
                Ok(card) => {
                    last.say(PutAwayCard { id, title: card.title, is_deleted: true });
                    navigate("/", Default::default());
                }
                Err(failure) => refusal.set(Some(failure.to_string())),
            }
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
            {tr!(form.delete)}
        </button>
    }
}
