//! Changing a card's title, description and agent.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::agents::{AgentField, Agents};
use super::state::CardState;
use crate::api::edit_card;
use crate::domain::{CardEdit, NewCard};
use crate::ui::hooks::{Modal, submits, use_hydrated};
use crate::ui::kit::{Dialog, Field, Icon, Notice, Shape};

#[component]
pub fn EditCard(state: CardState) -> impl IntoView {
    let modal = Modal::new();
    let hydrated = use_hydrated();
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let agents = Agents::new(state.card.with_untracked(|card| card.agent.clone()));
    let error = RwSignal::new(None);
    let is_saving = RwSignal::new(false);
    // The version that the fields were filled from.
    let version = StoredValue::new(0);

    let open = move |_| {
        state.card.with_untracked(|card| {
            if let (Some(title), Some(description)) = (title.get_untracked(), description.get_untracked()) {
                title.set_value(&card.title);
                description.set_value(&card.description);
            }
            agents.choose(card.agent.clone());
            version.set_value(card.version);
        });
        error.set(None);
        agents.load();
        modal.open();
    };
    let save = move || {
        let (Some(title), Some(description)) = (title.get_untracked(), description.get_untracked()) else { return };
        if is_saving.get_untracked() || !title.report_validity() {
            return;
        }
        let edit = CardEdit {
            title: Some(title.value()),
            description: Some(description.value()),
            agent: agents.chosen(),
            version: Some(version.get_value()),
        };
        let id = state.card.with_untracked(|card| card.id);
        is_saving.set(true);
        spawn_local(async move {
            let answer = edit_card(id, edit).await;
            // The page may be gone by now, and its signals with it.
            if is_saving.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(card) => {
                    state.take_card(card);
                    modal.close();
                }
                Err(failure) => error.set(Some(failure.to_string())),
            }
        });
    };
    view! {
        <button type="button" class="button" disabled=move || !hydrated.get() on:click=open>
            <Icon shape=Shape::Edit />
            "Edit"
        </button>
        <Dialog modal=modal id="edit-card" title="Edit card">
            <form
                class="form"
                on:submit=move |event| {
                    event.prevent_default();
                    save();
                }
                on:keydown=move |event| {
                    if submits(&event) {
                        event.prevent_default();
                        save();
                    }
                }
            >
                <Notice text=error />
                <Field label="Title" of="edit-title">
                    <input
                        node_ref=title
                        id="edit-title"
                        required
                        maxlength=NewCard::TITLE_MAX_CHARS.to_string()
                        autocomplete="off"
                    />
                </Field>
                <Field label="Description" of="edit-description">
                    <textarea node_ref=description id="edit-description" rows="10"></textarea>
                </Field>
                <AgentField agents=agents id="edit-agent" />
                <div class="form__foot">
                    <button class="button button--primary" disabled=move || is_saving.get()>
                        "Save"
                    </button>
                </div>
            </form>
        </Dialog>
    }
}
