//! The dialog that makes a card. What has been typed stays in its fields until a card has been made of it.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::state::BoardState;
use crate::api::create_card;
use crate::domain::{self, Card, ProjectId};
use crate::ui::hooks::{Modal, on_key, submits, use_hydrated};
use crate::ui::kit::{Dialog, Field, Icon, Notice, Shape, live, shown};
use crate::ui::run::{AgentField, Agents};

/// The button and its dialog.
#[component]
pub fn NewCard(
    state: BoardState,
    /// The project that the board is filtered to.
    #[prop(into)]
    project: Signal<Option<ProjectId>>,
    /// Opens the dialog from elsewhere, too.
    modal: Modal,
    /// Gets the card, and whether it is to run.
    made: Callback<(Card, bool)>,
) -> impl IntoView {
    let hydrated = use_hydrated();
    let agents = Agents::new(String::new());
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
            on:click=move |_| modal.open()
        >
            <Icon shape=Shape::Plus />
            "New card"
        </button>
        <Dialog modal=modal id="new-card" title="New card">
            <NewCardForm state=state project=project agents=agents modal=modal made=made />
        </Dialog>
    }
}

#[component]
fn NewCardForm(
    state: BoardState,
    #[prop(into)] project: Signal<Option<ProjectId>>,
    agents: Agents,
    modal: Modal,
    made: Callback<(Card, bool)>,
) -> impl IntoView {
    let title = NodeRef::<html::Input>::new();
    let description = NodeRef::<html::Textarea>::new();
    let chosen_project = NodeRef::<html::Select>::new();
    let error = RwSignal::new(None);
    let is_making = RwSignal::new(false);
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
        };
        is_making.set(true);
        error.set(None);
        spawn_local(async move {
            let answer = create_card(card).await;
            // The page may be gone by now, and its signals with it.
            if is_making.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(card) => {
                    title.set_value("");
                    description.set_value("");
                    modal.close();
                    made.run((card, run));
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
                make(false);
            }
            on:keydown=move |event| {
                if submits(&event) {
                    event.prevent_default();
                    make(false);
                }
            }
            on:focusin=move |_| agents.load_once()
        >
            <Notice text=error />
            <Field label="Title" of="new-title">
                <input
                    node_ref=title
                    id="new-title"
                    required
                    pattern=r".*\S.*"
                    title="Something other than spaces"
                    autofocus
                    maxlength=domain::NewCard::TITLE_MAX_CHARS.to_string()
                    autocomplete="off"
                    placeholder="What is to be done?"
                />
            </Field>
            <Field label="Description" of="new-description">
                <textarea
                    node_ref=description
                    id="new-description"
                    rows="7"
                    placeholder="What the agent should know. Markdown is fine."
                ></textarea>
            </Field>
            <div class="form__row">
                <Field label="Project" of="new-project">
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
                <AgentField agents=agents id="new-agent" />
            </div>
            <div class="form__foot">
                <span class="form__hint">
                    <kbd>"Ctrl"</kbd>
                    " "
                    <kbd>"Enter"</kbd>
                    " creates"
                </span>
                <button class="button" disabled=live(move || is_making.get())>
                    "Create"
                </button>
                <button
                    type="button"
                    class="button button--primary"
                    disabled=live(move || is_making.get())
                    on:click=move |_| make(true)
                >
                    "Create and run"
                </button>
            </div>
        </form>
    }
}
