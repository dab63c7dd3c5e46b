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
            // Shown only where `<html data-session>` says that there is a session to end.
            <form class="masthead__logout" method="post" action="/logout">
                <button class="button button--quiet">"Log out"</button>
            </form>
        </header>
    }
}
