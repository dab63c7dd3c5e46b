//! The bar at the top of every page.

use leptos::prelude::*;

use super::{Icon, Logo, Shape};

#[component]
pub fn Masthead(children: Children) -> impl IntoView {
    view! {
        <header class="masthead">
            <a class="masthead__home" href="/">
                <Logo />
                "Cardume"
            </a>
            {children()}
            <a class="masthead__usage button button--quiet" href="/usage">
                <Icon shape=Shape::Chart />
                <span class="button__label">"Usage"</span>
            </a>
            // Shown only where `<html data-session>` says that there is a session to end.
            <form class="masthead__logout" method="post" action="/logout">
                <button class="button button--quiet">"Log out"</button>
            </form>
        </header>
    }
}
