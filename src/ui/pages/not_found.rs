//! What is shown where there is nothing, or where it cannot be shown.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::api::Failure;
use crate::ui::hooks::say_not_found;
use crate::ui::kit::{Empty, Masthead};

/// No such page.
#[component]
pub fn NotFound() -> impl IntoView {
    say_not_found();
    view! {
        <Title text="Not found" />
        <Lost title="There is no such page" text="The address may be mistyped, or the card may have been deleted.".to_owned() />
    }
}

/// The page's content could not be had.
#[component]
pub fn Unavailable(failure: Failure) -> impl IntoView {
    if failure.0.status == 404 {
        return view! { <NotFound /> }.into_any();
    }
    view! {
        <Title text="Not available" />
        <Lost title="This cannot be shown now" text=failure.to_string() />
    }
    .into_any()
}

/// While a page is on its way.
#[component]
pub fn Loading() -> impl IntoView {
    view! {
        <Masthead>
            <span></span>
        </Masthead>
        <main id="main" tabindex="-1" class="loading">
            <p>"Loading…"</p>
        </main>
    }
}

#[component]
fn Lost(title: &'static str, text: String) -> impl IntoView {
    view! {
        <Masthead>
            <span></span>
        </Masthead>
        <main id="main" tabindex="-1" class="page">
            <h1 class="visually-hidden">"Cardume"</h1>
            <Empty title=title>
                <p>{text}</p>
                <p>
                    <a class="button" href="/">
                        "To the board"
                    </a>
                </p>
            </Empty>
        </main>
    }
}
