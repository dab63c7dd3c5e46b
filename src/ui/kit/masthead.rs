//! The bar at the top of every page.

use leptos::prelude::*;

use super::Logo;

#[component]
pub fn Masthead(children: Children) -> impl IntoView {
    view! {
        <header class="masthead">
            <a class="masthead__home" href="/">
                <Logo />
                "Cardume"
            </a>
            {children()}
        </header>
    }
}
