//! Where a project is, and telling Cardume where it is now.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::state::BoardState;
use crate::api::edit_project;
use crate::domain::{Project, ProjectEdit};
use crate::ui::hooks::focus_when_there;
use crate::ui::kit::{Icon, Notice, Shape, live, pressed, shown};
use crate::ui::tr;

/// A project's path, with a form to change it.
#[component]
pub fn ProjectPath(state: BoardState, project: Project) -> impl IntoView {
    let id = project.id;
    let path = Memo::new(move |_| {
        state.projects.with(|projects| {
            projects.iter().find(|project| project.id == id).map(|project| project.path.clone()).unwrap_or_default()
        })
    });
    let is_open = RwSignal::new(false);
    let name_id = format!("project-{id}");
    view! {
        <p class="settings__path">{live(move || path.get())}</p>
        {shown(move || match is_open.get() {
            true => view! { <PathForm state=state project=project.clone() path=path is_open=is_open /> }.into_any(),
            false => view! {
                <button
                    type="button"
                    class="button button--quiet"
                    aria-describedby=name_id.clone()
                    on:click=pressed(move |_| is_open.set(true))
                >
                    <Icon shape=Shape::Folder />
                    {tr!(projects.change_path)}
                </button>
            }
            .into_any(),
        })}
    }
}

#[component]
fn PathForm(state: BoardState, project: Project, path: Memo<String>, is_open: RwSignal<bool>) -> impl IntoView {
    let id = project.id;
    let field = NodeRef::<html::Input>::new();
    focus_when_there(field);
    let refusal = RwSignal::new(None);
    let is_saving = RwSignal::new(false);
    let save = move || {
        let Some(input) = field.get_untracked() else { return };
        let wanted = input.value().trim().to_owned();
        is_saving.set(true);
        refusal.set(None);
        spawn_local(async move {
            let answer = edit_project(id, ProjectEdit { path: Some(wanted), ..ProjectEdit::default() }).await;
            // The form may be gone by now, and its signals with it.
            if is_saving.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(project) => {
                    state.take_project(project);
                    is_open.set(false);
                }
                Err(failure) => refusal.set(Some(failure.to_string())),
            }
        });
    };
    let field_id = format!("new-path-{id}");
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                if !is_saving.get_untracked() {
                    save();
                }
            }
        >
            <Notice text=refusal />
            <div class="field">
                <label for=field_id.clone()>{tr!(projects.new_path)}</label>
                <input
                    node_ref=field
                    id=field_id
                    required
                    value=path.get_untracked()
                    autocomplete="off"
                    spellcheck="false"
                />
            </div>
            <div class="form__foot">
                <button type="button" class="button" on:click=pressed(move |_| is_open.set(false))>
                    {tr!(controls.cancel)}
                </button>
                <button class="button button--primary" aria-busy=live(move || is_saving.get().then_some("true"))>
                    {tr!(form.save)}
                </button>
            </div>
        </form>
    }
}
