//! A dialog's frame: title, close button, content.

use leptos::prelude::*;

use super::{Icon, Shape};
use crate::ui::hooks::Modal;

#[component]
pub fn Dialog(
    modal: Modal,
    /// Unique on the page; the title's id is made from it.
    id: &'static str,
    title: &'static str,
    children: Children,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    view! {
        <dialog node_ref=modal.element id=id class="dialog" aria-labelledby=title_id.clone() closedby="any">
            <div class="dialog__head">
                <h2 id=title_id.clone()>{title}</h2>
                <button
                    type="button"
                    class="button button--quiet button--square"
                    aria-label="Close"
                    on:click=move |_| modal.close()
                >
                    <Icon shape=Shape::Close />
                </button>
            </div>
            {children()}
        </dialog>
    }
}
