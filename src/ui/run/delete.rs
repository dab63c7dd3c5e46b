//! Deleting a card, once it has been asked whether that is meant.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use leptos_router::hooks::use_navigate;

use super::state::CardState;
use crate::api::delete_card;
use crate::domain::Card;
use crate::ui::hooks::{Modal, later, use_hydrated};
use crate::ui::kit::{Dialog, Icon, Notice, Shape, live, pressed};
use crate::ui::tr;

#[component]
pub fn DeleteCard(state: CardState) -> impl IntoView {
    let modal = Modal::new();
    let hydrated = use_hydrated();
    let is_running = Memo::new(move |_| state.card.with(Card::is_running));
    view! {
        <button
            type="button"
            class="button"
            disabled=live(move || !hydrated.get() || is_running.get())
            title=live(move || is_running.get().then_some(tr!(form.delete_running)))
            on:click=pressed(move |_| modal.open())
        >
            <Icon shape=Shape::Trash />
            {tr!(form.delete)}
        </button>
        <Dialog
            modal=modal
            id="delete-card"
            title=tr!(form.delete_this)
            content=later(move || delete_question(state, modal))
        />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn delete_question(state: CardState, modal: Modal) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <DeleteQuestion state=state modal=modal /> }.into_any())
}

#[component]
fn DeleteQuestion(state: CardState, modal: Modal) -> impl IntoView {
    let navigate = StoredValue::new(use_navigate());
    let error = RwSignal::new(None);
    let is_deleting = RwSignal::new(false);
    let delete = move |_| {
        let id = state.card.with_untracked(|card| card.id);
        is_deleting.set(true);
        spawn_local(async move {
            let answer = delete_card(id).await;
            // The page may be gone by now, and its signals with it.
            if is_deleting.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(()) => {
                    modal.close();
                    navigate.with_value(|navigate| navigate("/", Default::default()));
                }
                Err(failure) => error.set(Some(failure.to_string())),
            }
        });
    };
    view! {
        <div class="form">
            <Notice text=error />
            <p>
                {live(move || state.card.with(|card| tr!(form.delete_what, title = &card.title)))}
            </p>
            <div class="form__foot">
                <button type="button" class="button" on:click=pressed(move |_| modal.close())>
                    {tr!(form.keep)}
                </button>
                <button
                    type="button"
                    class="button button--danger"
                    disabled=live(move || is_deleting.get())
                    on:click=pressed(delete)
                >
                    {tr!(form.delete_card)}
                </button>
            </div>
        </div>
    }
}
