//! Adding a project by its path.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::add_project;
use crate::domain::{NewProject, Project};
use crate::ui::hooks::use_hydrated;
use crate::ui::kit::{Empty, Field, Notice, live};
use crate::ui::tr;

/// What the board says before it has a project.
#[component]
pub fn FirstProject(added: Callback<Project>) -> impl IntoView {
    view! {
        <Empty title=tr!(projects.which)>
            <p>
                {tr!(projects.first)}
            </p>
            <PathForm added=added id="first-project" />
        </Empty>
    }
}

/// Asks for a path, and adds what is there.
#[component]
pub fn PathForm(added: Callback<Project>, id: &'static str) -> impl IntoView {
    let hydrated = use_hydrated();
    let path = NodeRef::<html::Input>::new();
    let error = RwSignal::new(None);
    let is_adding = RwSignal::new(false);
    let add = move || {
        let Some(input) = path.get_untracked() else { return };
        is_adding.set(true);
        error.set(None);
        spawn_local(async move {
            let answer = add_project(NewProject { path: input.value().trim().to_owned(), name: None }).await;
            // The form may be gone by now, and its signals with it.
            if is_adding.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(project) => {
                    input.set_value("");
                    added.run(project);
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
                add();
            }
        >
            <Notice text=error />
            <Field label=tr!(projects.path) of=id>
                <input node_ref=path id=id required placeholder=tr!(projects.path_example) autocomplete="off" spellcheck="false" />
            </Field>
            <div class="form__foot">
                <button class="button button--primary" disabled=live(move || !hydrated.get() || is_adding.get())>
                    {tr!(projects.add)}
                </button>
            </div>
        </form>
    }
}
