//! The pages of the board.

use leptos::prelude::*;

/// The application.
#[component]
pub fn App() -> impl IntoView {
    view! { <main>"Cardume"</main> }
}
