//! Adding a project by its path.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::{PathTarget, add_project, look_at_path};
use crate::domain::{NewProject, Project};
use crate::ui::failures::{change_failure, read_failure};
use crate::ui::hooks::{Keys, use_hydrated, use_pause};
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
    let keys = Keys::new();
    let hint = RwSignal::new(String::new());
    let pause = use_pause();
    // Says what is there while it is being typed.
    let look = move |_| {
        let Some(input) = path.get_untracked() else { return };
        if input.value().trim().is_empty() {
            pause.forget();
            return hint.set(String::new());
        }
        pause.then(move || {
            spawn_local(async move {
                let typed = input.value();
                let found = look_at_path(typed.clone()).await;
                if input.value() == typed {
                    // The form may be gone by now, and its signals with it.
                    let _ = hint.try_set(match found {
                        Ok(PathTarget::Repository(path)) => tr!(projects.found, path = path),
                        Ok(PathTarget::Other(why)) => why,
                        Err(failure) => read_failure(&failure),
                    });
                }
            })
        });
    };
    let add = move || {
        let Some(input) = path.get_untracked() else { return };
        is_adding.set(true);
        error.set(None);
        spawn_local(async move {
            let project = NewProject { path: input.value().trim().to_owned(), name: None };
            let key = keys.key_for(&project);
            let answer = add_project(project, key).await;
            // The form may be gone by now, and its signals with it.
            if is_adding.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(project) => {
                    keys.done();
                    input.set_value("");
                    hint.set(String::new());
                    added.run(project);
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
                add();
            }
        >
            <Notice text=error />
            <Field label=tr!(projects.path) of=id hint=live(move || hint.get())>
                <input
                    node_ref=path
                    id=id
                    required
                    placeholder=tr!(projects.path_example)
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby=format!("{id}-hint")
                    on:input=look
                />
            </Field>
            <div class="form__foot">
                <button class="button button--primary" disabled=live(move || !hydrated.get() || is_adding.get())>
                    {tr!(projects.add)}
                </button>
            </div>
        </form>
    }
}
