//! Changing a card's title, description and agent.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::agents::{AgentField, Agents};
use super::state::CardState;
use crate::api::{Failure, card_details, edit_card};
use crate::domain::{Card, CardEdit, NewCard, Problem};
use crate::ui::hooks::{Modal, submits, use_hydrated};
use crate::ui::kit::{Dialog, Field, Icon, Notice, Shape, live};

#[component]
pub fn EditCard(state: CardState) -> impl IntoView {
    let modal = Modal::new();
    let hydrated = use_hydrated();
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let agents = Agents::new(state.card.with_untracked(|card| card.agent.clone()));
    let error = RwSignal::new(None);
    let is_saving = RwSignal::new(false);
    // What the fields were filled from.
    let original = StoredValue::new(state.card.get_untracked());

    let open = move |_| {
        state.card.with_untracked(|card| {
            if let (Some(title), Some(description)) = (title.get_untracked(), description.get_untracked()) {
                title.set_value(&card.title);
                description.set_value(&card.description);
            }
            agents.choose(card.agent.clone());
            original.set_value(card.clone());
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
            version: None,
        };
        let (known, original) = (state.card.get_untracked(), original.get_value());
        is_saving.set(true);
        spawn_local(async move {
            let answer = edit_unless_changed(edit, known, original).await;
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
        <button type="button" class="button" disabled=live(move || !hydrated.get()) on:click=open>
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
                        pattern=r".*\S.*"
                        title="Something other than spaces"
                        maxlength=NewCard::TITLE_MAX_CHARS.to_string()
                        autocomplete="off"
                    />
                </Field>
                <Field label="Description" of="edit-description">
                    <textarea node_ref=description id="edit-description" rows="10"></textarea>
                </Field>
                <AgentField agents=agents id="edit-agent" />
                <div class="form__foot">
                    <button class="button button--primary" disabled=live(move || is_saving.get())>
                        "Save"
                    </button>
                </div>
            </form>
        </Dialog>
    }
}

/// Edits the card. Its run moves its version on all the time; only another's change of its text is in the way of this one.
async fn edit_unless_changed(edit: CardEdit, mut known: Card, original: Card) -> Result<Card, Failure> {
    for _ in 0..3 {
        let has_own_text = (&known.title, &known.description, &known.agent)
            == (&original.title, &original.description, &original.agent);
        let version = if has_own_text { known.version } else { original.version };
        match edit_card(original.id, CardEdit { version: Some(version), ..edit.clone() }).await {
            Err(failure) if failure.0.status == 409 && has_own_text => known = card_details(original.id).await?.card,
            answer => return answer,
        }
    }
    Err(Failure(Problem::conflict("The card changes too fast just now. Save again in a moment.")))
}
