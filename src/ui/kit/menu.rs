//! A button that opens a small sheet, for choices and short forms.

use leptos::prelude::*;

use crate::ui::hooks::Menu;

#[component]
pub fn MenuFrame(
    menu: Menu,
    /// Its classes besides `menu`.
    #[prop(default = "")]
    class: &'static str,
    /// The button, a `<summary>`.
    summary: AnyView,
    /// The sheet, with the class `menu__items`.
    children: Children,
) -> impl IntoView {
    view! {
        <details
            node_ref=menu.element
            class=format!("menu {class}")
            on:toggle=move |_| menu.toggled()
            on:keydown=move |event| menu.key(&event)
            on:focusout=move |event| menu.focus_left(&event)
        >
            {summary}
            {children()}
        </details>
    }
}
