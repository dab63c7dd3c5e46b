//! Changing a card's title, description, agent and model, where they stand.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use serde::{Deserialize, Serialize};

use super::agents::{AgentField, Agents};
use super::preview::Preview;
use super::state::CardState;
use crate::api::{Failure, card_details, edit_card};
use crate::domain::{Card, CardEdit, NewCard, Problem};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Content, KeptText, focus_when_there, later, on_key, submits, use_hydrated};
use crate::ui::kit::{Field, Icon, Notice, Shape, come, live, pressed, shown};
use crate::ui::tr;

/// Whether the card's text is being changed.
#[derive(Clone, Copy)]
pub struct Editing {
    is_under_way: RwSignal<bool>,
    button: NodeRef<html::Button>,
}

impl Editing {
    pub fn new() -> Self {
        let editing = Self { is_under_way: RwSignal::new(false), button: NodeRef::new() };
        on_key("e", move || editing.begin());
        editing
    }

    pub fn is_under_way(self) -> bool {
        self.is_under_way.get()
    }

    /// What is being typed already stays.
    fn begin(self) {
        if !self.is_under_way.get_untracked() {
            self.is_under_way.set(true);
        }
    }

    fn end(self) {
        self.is_under_way.set(false);
        if let Some(button) = self.button.get_untracked() {
            // Not before it can be pressed again.
            request_animation_frame(move || drop(button.focus()));
        }
    }
}

#[component]
pub fn EditCard(editing: Editing) -> impl IntoView {
    let hydrated = use_hydrated();
    view! {
        <button
            node_ref=editing.button
            type="button"
            class="button"
            aria-keyshortcuts="e"
            disabled=live(move || !hydrated.get() || editing.is_under_way())
            on:click=pressed(move |_| editing.begin())
        >
            <Icon shape=Shape::Edit />
            <span class="button__label">{tr!(form.edit)}</span>
        </button>
    }
}

/// The form, while it is wanted.
#[component]
pub fn EditInPlace(state: CardState, editing: Editing) -> impl IntoView {
    let form: Content = later(move || edit_form(state, editing));
    shown(move || {
        editing.is_under_way().then(|| {
            let form = form();
            Suspend::new(come(form))
        })
    })
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn edit_form(state: CardState, editing: Editing) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <EditForm state=state editing=editing /> }.into_any())
}

/// What somebody has typed and not saved, and the card as it was when they began. The browser keeps it.
#[derive(Serialize, Deserialize)]
struct Draft {
    title: String,
    description: String,
    agent: String,
    model: Option<String>,
    original: Card,
}

impl Draft {
    fn of(original: Card) -> Self {
        let Card { title, description, agent, model, .. } = original.clone();
        Self { title, description, agent, model, original }
    }
}

#[component]
fn EditForm(state: CardState, editing: Editing) -> impl IntoView {
    let card = state.card.get_untracked();
    let kept = KeptText::of(format!("edit.{}", card.id));
    let draft: Option<Draft> = serde_json::from_str(&kept.text()).ok();
    let is_begun_before = draft.is_some();
    // What the fields are filled from, and what the card was by then.
    let Draft { title: title_now, description: description_now, agent, model, original } =
        draft.unwrap_or_else(|| Draft::of(card));
    let original = StoredValue::new(original);
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let agents = Agents::new(agent, model);
    agents.load();
    let error = RwSignal::new(None);
    let is_saving = RwSignal::new(false);
    let texts = move || Some((title.get_untracked()?.value(), description.get_untracked()?.value()));
    let keep = move || {
        let Some((title, description)) = texts() else { return };
        let draft = original.with_value(|original| Draft {
            title,
            description,
            agent: agents.chosen().unwrap_or_else(|| original.agent.clone()),
            model: agents.model().or_else(|| original.model.clone()),
            original: original.clone(),
        });
        kept.keep(&serde_json::to_string(&draft).unwrap_or_default());
    };
    let end = move || {
        kept.clear();
        editing.end();
    };
    let save = move || {
        let (Some(title), Some((title_now, description_now))) = (title.get_untracked(), texts()) else { return };
        if is_saving.get_untracked() || !title.report_validity() {
            return;
        }
        let edit = CardEdit {
            title: Some(title_now),
            description: Some(description_now),
            agent: agents.chosen(),
            model: agents.model(),
            ..CardEdit::default()
        };
        let (known, begun_from) = (state.card.get_untracked(), original.get_value());
        is_saving.set(true);
        spawn_local(async move {
            let answer = edit_unless_changed(edit, known, begun_from).await;
            // The page may be gone by now, and its signals with it.
            if is_saving.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(Outcome::Made(card)) => {
                    state.take_card(card);
                    end();
                }
                // Whoever knows of it may go on from there.
                Ok(Outcome::Overtaken(card)) => {
                    original.set_value(card.clone());
                    state.take_card(card);
                    keep();
                    error.set(Some(tr!(form.overtaken).to_owned()));
                }
                Err(failure) => error.set(Some(change_failure(&failure))),
            }
        });
    };
    focus_when_there(title);
    let is_as_it_was = move || {
        original.with_value(|card| {
            texts().is_some_and(|(title, description)| title == card.title && description == card.description)
        })
    };
    view! {
        <form
            class="form"
            aria-label=tr!(form.edit_card)
            on:submit=move |event| {
                event.prevent_default();
                save();
            }
            on:keydown=move |event| {
                if submits(&event) {
                    event.prevent_default();
                    save();
                }
                // What somebody has typed goes when they say so.
                if event.key() == "Escape" && is_as_it_was() {
                    end();
                }
            }
            on:input=move |_| keep()
        >
            <Notice text=error />
            {is_begun_before.then(|| view! { <p class="notice notice--calm" role="status">{tr!(form.begun_before)}</p> })}
            <Field label=tr!(form.title) of="edit-title">
                <input
                    node_ref=title
                    id="edit-title"
                    value=title_now
                    required
                    pattern=r".*\S.*"
                    title=tr!(form.title_rule)
                    maxlength=NewCard::TITLE_MAX_CHARS.to_string()
                    autocomplete="off"
                />
            </Field>
            <Field label=tr!(form.description) of="edit-description">
                <textarea node_ref=description id="edit-description" rows="10">
                    {description_now}
                </textarea>
                <Preview field=description />
            </Field>
            <div class="form__row">
                <AgentField agents=agents id="edit-agent" model_id="edit-model" />
            </div>
            <div class="form__foot">
                <button type="button" class="button" on:click=pressed(move |_| end())>
                    {tr!(form.discard)}
                </button>
                <button class="button button--primary" disabled=live(move || is_saving.get())>
                    {tr!(form.save)}
                </button>
            </div>
        </form>
    }
}

/// What became of a change.
enum Outcome {
    Made(Card),
    /// Somebody else was faster; the card as they left it.
    Overtaken(Card),
}

/// Edits the card. Its run moves its version on all the time; only another's change of its text is in the way of this one.
async fn edit_unless_changed(edit: CardEdit, mut known: Card, original: Card) -> Result<Outcome, Failure> {
    for _ in 0..3 {
        let has_own_text = (&known.title, &known.description, &known.agent, &known.model)
            == (&original.title, &original.description, &original.agent, &original.model);
        if !has_own_text {
            return Ok(Outcome::Overtaken(known));
        }
        match edit_card(original.id, CardEdit { version: Some(known.version), ..edit.clone() }).await {
            Err(failure) if failure.0.status == 409 => known = card_details(original.id).await?.card,
            answer => return answer.map(Outcome::Made),
        }
    }
    Err(Failure(Problem::conflict(tr!(form.changes_too_fast))))
}
