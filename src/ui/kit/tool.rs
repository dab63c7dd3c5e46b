//! A quiet button of a tool bar: a sign and a word.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::live::Live;
use super::{Icon, Shape, live};
use crate::ui::hooks::use_hydrated;

#[component]
pub fn ToolButton(
    shape: Shape,
    text: &'static str,
    /// What it does, for who does not see what it stands beside.
    #[prop(optional)]
    label: Option<&'static str>,
    /// For one that switches something on and off: whether it is on.
    #[prop(optional)]
    is_pressed: Option<Live<bool>>,
    /// Its classes besides those of a quiet button.
    #[prop(default = "")]
    class: &'static str,
    act: Box<dyn FnMut(MouseEvent)>,
) -> impl IntoView {
    let hydrated = use_hydrated();
    view! {
        <button
            type="button"
            class=format!("button button--quiet {class}")
            aria-label=label
            title=label.unwrap_or(text)
            aria-pressed=is_pressed.map(|mut is_pressed| live(move || if is_pressed() { "true" } else { "false" }))
            disabled=live(move || !hydrated.get())
            on:click=act
        >
            <Icon shape=shape />
            <span class="button__label">{text}</span>
        </button>
    }
}
