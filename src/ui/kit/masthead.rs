//! The bar at the top of every page.

use leptos::prelude::*;

use super::{Icon, Logo, Shape, live};
use super::{preferences::PreferencesMenu, pressed};
use crate::ui::hooks::{piece, use_hydrated, use_page_dialogs};
use crate::ui::tr;

#[component]
pub fn Masthead(children: Children) -> impl IntoView {
    let (hydrated, palette) = (use_hydrated(), use_page_dialogs().palette);
    let masthead = move || {
        view! {
        <header class="masthead">
            <a class="masthead__home" href="/">
                <Logo />
                "Cardume"
            </a>
            {children()}
            <a class="masthead__usage button button--quiet" href="/usage">
                <Icon shape=Shape::Chart />
                <span class="button__label">{tr!(page.usage)}</span>
            </a>
            <button
                type="button"
                class="button button--quiet button--square masthead__find"
                aria-label=tr!(palette.title)
                title=tr!(palette.title_and_key)
                aria-keyshortcuts="Control+K Meta+K"
                disabled=live(move || !hydrated.get())
                on:click=pressed(move |_| palette.open())
            >
                <Icon shape=Shape::Search />
            </button>
            <PreferencesMenu />
            // Shown only where `<html data-session>` says that there is a session to end.
            <form class="masthead__logout" method="post" action="/logout">
                <button class="button button--quiet">{tr!(page.log_out)}</button>
            </form>
        </header>
        }
    };
    piece(masthead)
}
