//! Whether somebody looks at the page.

use leptos::prelude::*;

/// Whether the page is hidden: in a tab behind another, or in a window that is minimised. False until the browser says.
pub fn use_hidden() -> ReadSignal<bool> {
    let (hidden, set_hidden) = signal(false);
    Effect::new(move |_| {
        let look = move || set_hidden.set(document().hidden());
        look();
        let listener = window_event_listener_untyped("visibilitychange", move |_| look());
        on_cleanup(move || listener.remove());
    });
    hidden
}
