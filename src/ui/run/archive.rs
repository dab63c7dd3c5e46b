//! What else can be done with a card: putting it away and back, and making another like it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;

use super::state::CardState;
use crate::api::create_card;
use crate::domain::{Card, CardEdit, NewCard};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Keys, use_hydrated};
use crate::ui::kit::{Icon, Shape, live, pressed};
use crate::ui::tr;

/// Archives the card, or restores it.
#[component]
pub fn ArchiveCard(state: CardState, refusal: RwSignal<Option<String>>) -> impl IntoView {
    let hydrated = use_hydrated();
    let is_running = Memo::new(move |_| state.card.with(Card::is_running));
    let is_archived = Memo::new(move |_| state.card.with(|card| card.archived_at.is_some()));
    let change = move |_| {
        let archived = Some(!is_archived.get_untracked());
        state.edit(CardEdit { archived, ..CardEdit::default() }, refusal, move |card| state.take_card(card));
    };
    view! {
        <button
            type="button"
            class="button"
            disabled=live(move || !hydrated.get() || is_running.get())
            title=live(move || is_running.get().then(|| tr!(archive.running)))
            on:click=pressed(change)
        >
            <Icon shape=Shape::Archive />
            <span class="button__label">
                {live(move || if is_archived.get() { tr!(archive.restore) } else { tr!(archive.put_away) })}
            </span>
        </button>
    }
}

/// Makes a card with the same text, agent and project, and goes to it.
#[component]
pub fn DuplicateCard(state: CardState, refusal: RwSignal<Option<String>>) -> impl IntoView {
    let hydrated = use_hydrated();
    let navigate = use_navigate();
    let is_making = RwSignal::new(false);
    let keys = Keys::new();
    let duplicate = move |_| {
        if is_making.get_untracked() {
            return;
        }
        let Card { title, description, agent, model, project_id, .. } = state.card.get_untracked();
        let title = tr!(archive.copy_of, title = title).chars().take(NewCard::TITLE_MAX_CHARS).collect();
        is_making.set(true);
        refusal.set(None);
        let navigate = navigate.clone();
        spawn_local(async move {
            let card = NewCard { project_id, title, description, agent: Some(agent), model };
            let key = keys.key_for(&card);
            let answer = create_card(card, key).await;
            // The page may be gone by now, and its signals with it.
            if is_making.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(card) => {
                    keys.done();
                    navigate(&format!("/cards/{}", card.id), Default::default())
                }
                Err(failure) => refusal.set(Some(change_failure(&failure))),
            }
        });
    };
    view! {
        <button
            type="button"
            class="button"
            disabled=live(move || !hydrated.get() || is_making.get())
            on:click=pressed(duplicate)
        >
            <Icon shape=Shape::Copy />
            <span class="button__label">{tr!(archive.duplicate)}</span>
        </button>
    }
}
