//! A labelled field of a form.

use leptos::prelude::*;

use super::live::Live;

#[component]
pub fn Field(
    label: &'static str,
    /// The id of the input among the children.
    of: &'static str,
    /// A remark below; its id is `of` and `-hint`.
    #[prop(optional)]
    hint: Option<Live<String>>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=of>{label}</label>
            {children()}
            {hint
                .map(|hint| {
                    view! {
                        <p class="field__hint" id=format!("{of}-hint")>
                            {hint}
                        </p>
                    }
                })}
        </div>
    }
}
