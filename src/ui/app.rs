//! The frame of every page: the document, the routes, the effects that live as long as the page.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use super::hooks::{provide_clock, provide_connection, provide_hydrated, provide_visit};
use super::kit::ConnectionStatus;
use super::pages::{BoardPage, CardPage, NotFound};

/// The addresses of what the page loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    pub css: String,
    /// Empty where the server was built without a browser bundle: the page then works as plain HTML.
    pub js: String,
    pub wasm: String,
}

/// The whole document.
pub fn shell(assets: Assets) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f5f6f8" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#14171c" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=assets.css.clone() />
                <Bundle assets=assets />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Starts the browser's side. The script in the page is a module: it waits until the document is there, and then fetches
/// both halves at once. (A preload of the WASM would not be used in time on a slow machine, and the browser complains.)
#[component]
fn Bundle(assets: Assets) -> impl IntoView {
    let Assets { js, wasm, .. } = assets;
    (!js.is_empty()).then(|| {
        let start = format!(
            "const wasm = fetch({wasm:?}); const {{ default: init, hydrate }} = await import({js:?}); \
             await init({{ module_or_path: wasm }}); hydrate();"
        );
        view! {
            <link rel="modulepreload" href=js nonce=use_nonce() />
            <script type="module" nonce=use_nonce()>
                {start}
            </script>
        }
    })
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_hydrated();
    provide_clock();
    provide_connection();
    provide_visit();
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Cardume".to_owned() } else { format!("{page} · Cardume") } />
        <a class="skip" href="#main" rel="external">
            "Skip to content"
        </a>
        <Router>
            <Routes fallback=|| view! { <NotFound /> }>
                <Route path=path!("/") view=BoardPage ssr=SsrMode::Async />
                <Route path=path!("/cards/:id") view=CardPage ssr=SsrMode::Async />
            </Routes>
        </Router>
        <ConnectionStatus />
    }
}
