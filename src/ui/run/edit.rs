//! Changing a card's title, description, agent and model.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::agents::{AgentField, Agents};
use super::preview::Preview;
use super::state::CardState;
use crate::api::{Failure, card_details, edit_card};
use crate::domain::{Card, CardEdit, NewCard, Problem};
use crate::ui::hooks::{Modal, later, submits, use_hydrated};
use crate::ui::kit::{Dialog, Field, Icon, Notice, Shape, live, pressed};
use crate::ui::tr;

#[component]
pub fn EditCard(state: CardState) -> impl IntoView {
    let modal = Modal::new();
    let hydrated = use_hydrated();
    view! {
        <button type="button" class="button" disabled=live(move || !hydrated.get()) on:click=pressed(move |_| modal.open())>
            <Icon shape=Shape::Edit />
            {tr!(form.edit)}
        </button>
        <Dialog modal=modal id="edit-card" title=tr!(form.edit_card) content=later(move || edit_form(state, modal)) />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn edit_form(state: CardState, modal: Modal) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <EditForm state=state modal=modal /> }.into_any())
}

#[component]
fn EditForm(state: CardState, modal: Modal) -> impl IntoView {
    // What the fields are filled from.
    let original = StoredValue::new(state.card.get_untracked());
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let agents = original.with_value(|card| Agents::new(card.agent.clone(), card.model.clone()));
    agents.load();
    let error = RwSignal::new(None);
    let is_saving = RwSignal::new(false);
    let save = move || {
        let (Some(title), Some(description)) = (title.get_untracked(), description.get_untracked()) else { return };
        if is_saving.get_untracked() || !title.report_validity() {
            return;
        }
        let edit = CardEdit {
            title: Some(title.value()),
            description: Some(description.value()),
            agent: agents.chosen(),
            model: agents.model(),
            ..CardEdit::default()
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
            <Field label=tr!(form.title) of="edit-title">
                <input
                    node_ref=title
                    id="edit-title"
                    value=original.with_value(|card| card.title.clone())
                    required
                    pattern=r".*\S.*"
                    title=tr!(form.title_rule)
                    maxlength=NewCard::TITLE_MAX_CHARS.to_string()
                    autocomplete="off"
                />
            </Field>
            <Field label=tr!(form.description) of="edit-description">
                <textarea node_ref=description id="edit-description" rows="10">
                    {original.with_value(|card| card.description.clone())}
                </textarea>
                <Preview field=description />
            </Field>
            <div class="form__row">
                <AgentField agents=agents id="edit-agent" model_id="edit-model" />
            </div>
            <div class="form__foot">
                <button class="button button--primary" disabled=live(move || is_saving.get())>
                    {tr!(form.save)}
                </button>
            </div>
        </form>
    }
}

/// Edits the card. Its run moves its version on all the time; only another's change of its text is in the way of this one.
async fn edit_unless_changed(edit: CardEdit, mut known: Card, original: Card) -> Result<Card, Failure> {
    for _ in 0..3 {
        let has_own_text = (&known.title, &known.description, &known.agent, &known.model)
            == (&original.title, &original.description, &original.agent, &original.model);
        let version = if has_own_text { known.version } else { original.version };
        match edit_card(original.id, CardEdit { version: Some(version), ..edit.clone() }).await {
            Err(failure) if failure.0.status == 409 && has_own_text => known = card_details(original.id).await?.card,
            answer => return answer,
        }
    }
    Err(Failure(Problem::conflict(tr!(form.changes_too_fast))))
}
