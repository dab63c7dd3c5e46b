//! The dialog that lists the projects, changes what can be changed about them, and adds more.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::new_project::PathForm;
use super::project_path::ProjectPath;
use super::state::BoardState;
use crate::api::{edit_project, remove_project};
use crate::domain::{Project, ProjectEdit};
use crate::ui::failures::change_failure;
use crate::ui::hooks::{Modal, later};
use crate::ui::kit::{Dialog, Icon, Notice, Shape, ToolButton, pressed, shown};
use crate::ui::{tr, tr_counted};

/// The button and its dialog.
#[component]
pub fn ManageProjects(state: BoardState, changed: Callback<Project>) -> impl IntoView {
    let modal = Modal::new();
    view! {
        <ToolButton shape=Shape::Folder text=tr!(board.projects) act=pressed(move |_| modal.open()) />
        <Dialog
            modal=modal
            id="projects"
            title=tr!(board.projects)
            content=later(move || projects_form(state, changed))
        />
    }
}

#[wasm_split(dialogs, wasm_split_path = leptos::wasm_split, fallible)]
fn projects_form(state: BoardState, changed: Callback<Project>) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <ProjectsForm state=state changed=changed /> }.into_any())
}

#[component]
fn ProjectsForm(state: BoardState, changed: Callback<Project>) -> impl IntoView {
    let refusal = RwSignal::new(None);
    view! {
        <div class="settings">
            <Notice text=refusal />
            <ul>
                <For
                    each=move || state.projects.get()
                    key=|project| project.id.0.as_u128()
                    children=move |project| view! { <Settings state=state project=project changed=changed refusal=refusal /> }
                />
            </ul>
        </div>
        <PathForm added=changed id="project-path" />
    }
}

/// What can be changed about one project.
#[component]
fn Settings(
    state: BoardState,
    project: Project,
    changed: Callback<Project>,
    refusal: RwSignal<Option<String>>,
) -> impl IntoView {
    let Project { id, name, .. } = project.clone();
    let masks = Memo::new(move |_| {
        state.projects.with(|projects| projects.iter().any(|project| project.id == id && project.mask_secrets))
    });
    let checkbox = NodeRef::<html::Input>::new();
    let (name_id, hint_id) = (format!("project-{id}"), format!("mask-hint-{id}"));
    let change = move |_| {
        let Some(input) = checkbox.get_untracked() else { return };
        let wanted = input.checked();
        refusal.set(None);
        spawn_local(async move {
            let answer = edit_project(id, ProjectEdit { mask_secrets: Some(wanted), path: None }).await;
            match answer {
                Ok(project) => state.take_project(project),
                Err(failure) => {
                    input.set_checked(!wanted);
                    // The page may be gone by now, and its signals with it.
                    let _ = refusal.try_set(Some(change_failure(&failure)));
                }
            }
        });
    };
    view! {
        <li>
            <h3 id=name_id.clone()>{name}</h3>
            <ProjectPath state=state project=project.clone() />
            <label class="check">
                <input
                    node_ref=checkbox
                    type="checkbox"
                    prop:checked=move || masks.get()
                    aria-describedby=format!("{name_id} {hint_id}")
                    on:change=change
                />
                {tr!(projects.mask)}
            </label>
            <p class="field__hint" id=hint_id>
                {tr!(projects.mask_hint)}
            </p>
            <Removal state=state project=project changed=changed refusal=refusal />
        </li>
    }
}

/// Forgets a project, once one has said so twice.
#[component]
fn Removal(
    state: BoardState,
    project: Project,
    changed: Callback<Project>,
    refusal: RwSignal<Option<String>>,
) -> impl IntoView {
    let is_asking = RwSignal::new(false);
    let project = StoredValue::new(project);
    let id = project.with_value(|project| project.id);
    let described_by = format!("project-{id}");
    let remove = move |_| {
        refusal.set(None);
        spawn_local(async move {
            let answer = remove_project(id).await;
            // The page may be gone by now, and its signals with it.
            if is_asking.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(()) => changed.run(project.get_value()),
                Err(failure) => refusal.set(Some(change_failure(&failure))),
            }
        });
    };
    shown(move || match is_asking.get() {
        false => view! {
            <button
                type="button"
                class="button button--quiet"
                aria-describedby=described_by.clone()
                on:click=pressed(move |_| is_asking.set(true))
            >
                <Icon shape=Shape::Trash />
                {tr!(projects.remove)}
            </button>
        }
        .into_any(),
        true => {
            let name = project.with_value(|project| project.name.clone());
            let cards = tr_counted!(filter.cards_1 | cards_n, state.count(Some(id)) as i64);
            view! {
                <div class="settings__question" role="group" aria-label=tr!(projects.remove)>
                    <p>{tr!(projects.remove_what, name = name, cards = cards)}</p>
                    <button type="button" class="button" on:click=pressed(move |_| is_asking.set(false))>
                        {tr!(form.keep)}
                    </button>
                    <button type="button" class="button button--danger" on:click=pressed(remove)>
                        {tr!(projects.remove_it)}
                    </button>
                </div>
            }
            .into_any()
        }
    })
}
