//! What is shown where there is nothing, or where it cannot be shown.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::api::Failure;
use crate::ui::failures::read_failure;
use crate::ui::hooks::say_not_found;
use crate::ui::kit::{Empty, Masthead};
use crate::ui::tr;

/// No such page.
#[component]
pub fn NotFound() -> impl IntoView {
    say_not_found();
    view! {
        <Title text=tr!(page.not_found) />
        <Lost title=tr!(page.no_such_page) text=tr!(page.no_such_page_why).to_owned() />
    }
}

/// The page's content could not be had.
#[component]
pub fn Unavailable(failure: Failure) -> impl IntoView {
    if failure.0.status == 404 {
        return view! { <NotFound /> }.into_any();
    }
    view! {
        <Title text=tr!(page.not_available) />
        <Lost title=tr!(page.cannot_be_shown) text=read_failure(&failure) />
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
            <p>{tr!(page.loading)}</p>
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
                        {tr!(page.to_the_board)}
                    </a>
                </p>
            </Empty>
        </main>
    }
}
