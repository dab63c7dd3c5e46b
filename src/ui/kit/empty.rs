//! A place with nothing in it yet, which says what to do.

use leptos::prelude::*;

use super::Logo;

#[component]
pub fn Empty(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <section class="empty" aria-labelledby="empty-title">
            <Logo />
            <h2 id="empty-title">{title}</h2>
            {children()}
        </section>
    }
}
