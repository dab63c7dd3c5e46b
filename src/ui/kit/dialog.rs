//! A dialog's frame: title, close button, content.

use leptos::prelude::*;

use super::{Icon, Shape, pressed, shown};
use crate::ui::hooks::{Content, Later, Modal, piece};
use crate::ui::tr;

#[component]
pub fn Dialog(
    modal: Modal,
    /// Unique on the page; the title's id is made from it.
    id: &'static str,
    title: &'static str,
    /// Called each time it opens.
    content: Content,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    piece(move || {
        view! {
            <dialog
                node_ref=modal.element
                id=id
                class="dialog"
                aria-labelledby=title_id.clone()
                closedby="any"
                on:close=move |_| modal.closed()
            >
                <div class="dialog__head">
                    <h2 id=title_id.clone()>{title}</h2>
                    <button
                        type="button"
                        class="button button--quiet button--square"
                        aria-label=tr!(page.close)
                        on:click=pressed(move |_| modal.close())
                    >
                        <Icon shape=Shape::Close />
                    </button>
                </div>
                {shown(move || {
                    modal
                        .is_open()
                        .then(|| {
                            let content = content();
                            Suspend::new(async move {
                                let content = come(content).await;
                                modal.show();
                                content
                            })
                        })
                })}
            </dialog>
        }
    })
}

/// What is shown once its code has come: itself, or a word of why it cannot be.
pub async fn come(content: Later) -> AnyView {
    content.await.unwrap_or_else(|_| view! { <PartMissing /> }.into_any())
}

/// In place of something whose code cannot be had: the server is away, or has another version by now.
#[component]
fn PartMissing() -> impl IntoView {
    view! {
        <div class="form" role="alert">
            <p>{tr!(page.part_missing)}</p>
            <div class="form__foot">
                <a class="button button--primary" href="" rel="external" autofocus>
                    {tr!(page.load_again)}
                </a>
            </div>
        </div>
    }
}
