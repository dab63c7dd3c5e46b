//! What one reader wants on this browser, from one visit to the next.

use leptos::prelude::*;
use leptos::web_sys::Storage;

/// A choice that the browser keeps under this name; off until it says otherwise, and where it keeps nothing.
pub fn remembered(name: &'static str) -> RwSignal<bool> {
    let choice = RwSignal::new(false);
    // The page is taken over as the server rendered it; what is remembered comes right after.
    Effect::new(move |_| choice.set(storage().and_then(|storage| storage.get_item(name).ok()?).is_some()));
    Effect::new(move |before: Option<bool>| {
        let chosen = choice.get();
        if before.is_some_and(|before| before != chosen)
            && let Some(storage) = storage()
        {
            // Refused where the browser is to keep nothing, or is full: then the choice holds until the page is left.
            let _ = if chosen { storage.set_item(name, "") } else { storage.remove_item(name) };
        }
        chosen
    });
    choice
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
