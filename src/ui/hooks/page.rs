//! Whether anybody looks at the page.

use leptos::prelude::*;

/// Runs `wake` whenever the page becomes visible again, or the network comes back.
pub fn on_page_wake(wake: impl Fn() + Clone + 'static) {
    let when_visible = wake.clone();
    let listeners = [
        window_event_listener_untyped("visibilitychange", move |_| {
            if !document().hidden() {
                when_visible();
            }
        }),
        window_event_listener_untyped("online", move |_| wake()),
    ];
    on_cleanup(move || listeners.into_iter().for_each(|listener| listener.remove()));
}
