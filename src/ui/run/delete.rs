//! Deleting a card, once it has been asked whether that is meant.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;

use super::state::CardState;
use crate::api::delete_card;
use crate::domain::Card;
use crate::ui::hooks::{Modal, use_hydrated};
use crate::ui::kit::{Dialog, Icon, Notice, Shape, live};

#[component]
pub fn DeleteCard(state: CardState) -> impl IntoView {
    let modal = Modal::new();
    let hydrated = use_hydrated();
    let navigate = StoredValue::new(use_navigate());
    let error = RwSignal::new(None);
    let is_deleting = RwSignal::new(false);
    let is_running = Memo::new(move |_| state.card.with(Card::is_running));

    let open = move |_| {
        error.set(None);
        modal.open();
    };
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
        <button
            type="button"
            class="button"
            disabled=live(move || !hydrated.get() || is_running.get())
            title=live(move || is_running.get().then_some("A card that runs cannot be deleted."))
            on:click=open
        >
            <Icon shape=Shape::Trash />
            "Delete"
        </button>
        <Dialog modal=modal id="delete-card" title="Delete this card?">
            <div class="form">
                <Notice text=error />
                <p>
                    "“" {live(move || state.card.with(|card| card.title.clone()))}
                    "” goes with its history, its logs and its worktree; its branch stays in the repository. This cannot be undone."
                </p>
                <div class="form__foot">
                    <button type="button" class="button" on:click=move |_| modal.close()>
                        "Keep it"
                    </button>
                    <button
                        type="button"
                        class="button button--danger"
                        disabled=live(move || is_deleting.get())
                        on:click=delete
                    >
                        "Delete card"
                    </button>
                </div>
            </div>
        </Dialog>
    }
}
