//! The bar at the top of every page.

use leptos::prelude::*;

use super::Logo;
use super::preferences::PreferencesMenu;
use crate::ui::tr;

#[component]
pub fn Masthead(children: Children) -> impl IntoView {
    view! {
        <header class="masthead">
            <a class="masthead__home" href="/">
                <Logo />
                "Cardume"
            </a>
            {children()}
            <PreferencesMenu />
            // Shown only where `<html data-session>` says that there is a session to end.
            <form class="masthead__logout" method="post" action="/logout">
                <button class="button button--quiet">{tr!(page.log_out)}</button>
            </form>
        </header>
    }
}
