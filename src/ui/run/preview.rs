//! A description as it will look, in place of the field in which it is written.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::preview_text;
use crate::ui::failures::read_failure;
use crate::ui::kit::{live, pressed, shown};
use crate::ui::tr;

/// The button that shows what is written in `field`, and what it then shows.
#[component]
pub fn Preview(field: NodeRef<html::Textarea>) -> impl IntoView {
    let seen = RwSignal::new(None::<Result<String, String>>);
    let write = move || {
        seen.set(None);
        if let Some(field) = field.get_untracked() {
            field.set_hidden(false);
            // Refused only for what cannot have the focus.
            let _ = field.focus();
        }
    };
    let toggle = move |_| {
        if seen.with_untracked(Option::is_some) {
            return write();
        }
        let Some(text) = field.get_untracked().map(|field| field.value()) else { return };
        spawn_local(async move {
            let answer = preview_text(text).await.map_err(|failure| read_failure(&failure));
            // The form may be gone by now, and its signals with it.
            if seen.try_set(Some(answer)).is_none()
                && let Some(field) = field.get_untracked()
            {
                field.set_hidden(true);
            }
        });
    };
    view! {
        {shown(move || {
            seen.get()
                .map(|seen| match seen {
                    Ok(html) => {
                        view! {
                            <div
                                class="prose form__preview"
                                tabindex="0"
                                role="region"
                                aria-label=tr!(form.preview)
                                inner_html=html
                            ></div>
                        }
                            .into_any()
                    }
                    Err(failure) => view! { <p class="form__preview" role="alert">{failure}</p> }.into_any(),
                })
        })}
        <button
            type="button"
            class="button button--quiet form__toggle"
            on:click=pressed(toggle)
        >
            {live(move || if seen.with(Option::is_some) { tr!(form.write) } else { tr!(form.preview) })}
        </button>
    }
}
