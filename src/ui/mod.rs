//! The pages of the board.

use leptos::prelude::*;

/// The URLs of what the page's head loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub wasm: String,
}

/// The whole document.
pub fn shell(assets: Assets) -> impl IntoView {
    let _ = assets;
    view! { <App /> }
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    view! { <main>"Cardume"</main> }
}
