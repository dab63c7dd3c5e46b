//! Cardume: a kanban board that drives coding agents through plan → implement → test → review, and never loses a run.
//!
//! The modules in reading order. What may import what is told in `ARCHITECTURE.md` and held by `tests/architecture.rs`.

#![recursion_limit = "512"]

pub mod domain;

pub mod api;

pub mod ui;

#[cfg(feature = "ssr")]
pub mod server;

#[cfg(feature = "ssr")]
pub mod client;

/// The browser's entry: takes over the page that the server rendered, once that page's code is there too. Where it cannot
/// be had, the page stays what it is: plain links and forms.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    // In a release a panic is a trap, and says nothing (.cargo/browser.toml).
    #[cfg(debug_assertions)]
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(async {
        if ui::Part::at(&leptos::prelude::location_pathname().unwrap_or_default()).load().await.is_ok() {
            ui::take_over(ui::App).await;
        }
    });
}
