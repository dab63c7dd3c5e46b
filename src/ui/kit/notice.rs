//! What the page has to say about itself.

use leptos::prelude::*;

use super::{Icon, Shape, live, pressed, shown};
use crate::ui::hooks::use_connection;
use crate::ui::tr;

/// A failure, in words. Its place is always there, so that a screen reader speaks what comes into it.
#[component]
pub fn Notice(text: RwSignal<Option<String>>) -> impl IntoView {
    view! {
        <p class="notice" role="alert" hidden=live(move || text.with(Option::is_none))>
            {live(move || text.get().unwrap_or_default())}
        </p>
    }
}

/// The same, above what it is about, until somebody closes it.
#[component]
pub fn ClosableNotice(text: RwSignal<Option<String>>) -> impl IntoView {
    view! {
        <div class="notice notice--closable" hidden=live(move || text.with(Option::is_none))>
            <p role="alert">{live(move || text.get().unwrap_or_default())}</p>
            <button
                type="button"
                class="button button--quiet button--square"
                aria-label=tr!(page.dismiss)
                on:click=pressed(move |_| text.set(None))
            >
                <Icon shape=Shape::Close />
            </button>
        </div>
    }
}

/// Says so while the server does not answer, or wants a login before it does.
#[component]
pub fn ConnectionStatus() -> impl IntoView {
    let connection = use_connection();
    view! {
        <p
            class="connection"
            role="status"
            data-testid="connection"
            data-lost=live(move || connection.is_lost().then_some(""))
            data-logged-out=live(move || connection.is_logged_out().then_some(""))
        >
            {live(move || match (connection.is_lost(), connection.is_logged_out()) {
                (true, _) => tr!(page.reconnecting),
                (_, true) => tr!(page.logged_out),
                _ => "",
            })}
            {shown(move || connection.is_logged_out().then(|| view! { <a href="/login" rel="external">{tr!(page.log_in_again)}</a> }))}
        </p>
    }
}
