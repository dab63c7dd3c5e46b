//! The dialog that makes a card. What has been typed is kept, over a reload, too, until a card has been made of it.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::state::BoardState;
use crate::api::create_card;
use crate::domain::{self, Card, ProjectId};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{KeptText, Keys, Modal, later, on_key, submits, use_hydrated};
use crate::ui::kit::{Dialog, Field, Icon, Notice, Shape, live, pressed, shown};
use crate::ui::run::{AgentField, Agents, Preview};
use crate::ui::tr;

/// The button and its dialog.
#[component]
pub fn NewCard(
    state: BoardState,
    /// The project that the board is filtered to.
    project: Memo<Option<ProjectId>>,
    /// Opens the dialog from elsewhere, too.
    modal: Modal,
    /// Gets the card, and whether it is to run.
    made: Callback<(Card, bool)>,
) -> impl IntoView {
    let hydrated = use_hydrated();
    let has_projects = Memo::new(move |_| state.projects.with(|projects| !projects.is_empty()));
    on_key("n", move || {
        if has_projects.get_untracked() {
            modal.open();
        }
    });
    view! {
        <button
            type="button"
            class="button button--primary"
            disabled=live(move || !hydrated.get() || !has_projects.get())
            aria-keyshortcuts="n"
            on:click=pressed(move |_| modal.open())
        >
            <Icon shape=Shape::Plus />
            <span class="button__label">{tr!(form.new_card)}</span>
        </button>
        <Dialog
            modal=modal
            id="new-card"
            title=tr!(form.new_card)
            content=later(move || new_card_form(state, project, modal, made))
        />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn new_card_form(
    state: BoardState,
    project: Memo<Option<ProjectId>>,
    modal: Modal,
    made: Callback<(Card, bool)>,
) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <NewCardForm state=state project=project modal=modal made=made /> }.into_any())
}

#[component]
fn NewCardForm(
    state: BoardState,
    project: Memo<Option<ProjectId>>,
    modal: Modal,
    made: Callback<(Card, bool)>,
) -> impl IntoView {
    let (draft, title_draft) = (KeptText::of("new-card.description"), KeptText::of("new-card.title"));
    let agents = Agents::new(String::new(), None);
    agents.load();
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let chosen_project = NodeRef::<html::Select>::new();
    let error = RwSignal::new(None);
    let is_making = RwSignal::new(false);
    let keys = Keys::new();
    let make = move |run: bool| {
        let (Some(title), Some(description)) = (title.get_untracked(), description.get_untracked()) else { return };
        let project_id = chosen_project.get_untracked().and_then(|select| select.value().parse().ok());
        let Some(project_id) = project_id else { return };
        if is_making.get_untracked() || !title.report_validity() {
            return;
        }
        let card = domain::NewCard {
            project_id,
            title: title.value(),
            description: description.value(),
            agent: agents.chosen(),
            model: agents.model(),
        };
        is_making.set(true);
        error.set(None);
        spawn_local(async move {
            let key = keys.key_for(&card);
            let answer = create_card(card, key).await;
            // The page may be gone by now, and its signals with it.
            if is_making.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(card) => {
                    keys.done();
                    title_draft.clear();
                    draft.clear();
                    modal.close();
                    made.run((card, run));
                }
                Err(failure) => error.set(Some(change_failure(&failure))),
            }
        });
    };
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                make(false);
            }
            on:keydown=move |event| {
                if submits(&event) {
                    event.prevent_default();
                    make(false);
                }
            }
        >
            <Notice text=error />
            <Field label=tr!(form.title) of="new-title">
                <input
                    node_ref=title
                    id="new-title"
                    value=title_draft.text()
                    on:input=move |event| title_draft.keep(&event_target_value(&event))
                    required
                    pattern=r".*\S.*"
                    title=tr!(form.title_rule)
                    autofocus
                    maxlength=domain::NewCard::TITLE_MAX_CHARS.to_string()
                    autocomplete="off"
                    placeholder=tr!(form.title_example)
                />
            </Field>
            <Field label=tr!(form.description) of="new-description">
                <textarea
                    node_ref=description
                    id="new-description"
                    rows="7"
                    placeholder=tr!(form.description_example)
                    on:input=move |event| draft.keep(&event_target_value(&event))
                >
                    {draft.text()}
                </textarea>
                <Preview field=description />
            </Field>
            <div class="form__row">
                <Field label=tr!(form.project) of="new-project">
                    <select node_ref=chosen_project id="new-project">
                        {shown(move || {
                            let preferred = project.get();
                            state
                                .projects
                                .get()
                                .into_iter()
                                .map(|known| {
                                    view! {
                                        <option value=known.id.to_string() selected=preferred == Some(known.id)>
                                            {known.name}
                                        </option>
                                    }
                                })
                                .collect_view()
                        })}
                    </select>
                </Field>
                <AgentField agents=agents id="new-agent" model_id="new-model" />
            </div>
            <div class="form__foot">
                <span class="form__hint">
                    <kbd>"Ctrl"</kbd>
                    " "
                    <kbd>"Enter"</kbd>
                    {tr!(form.creates)}
                </span>
                <button class="button" disabled=live(move || is_making.get())>
                    {tr!(form.create)}
                </button>
                <button
                    type="button"
                    class="button button--primary"
                    disabled=live(move || is_making.get())
                    on:click=pressed(move |_| make(true))
                >
                    {tr!(form.create_and_run)}
                </button>
            </div>
        </form>
    }
}
