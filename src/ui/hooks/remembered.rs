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

/// A text that the browser keeps under this name, from one visit to the next.
#[derive(Clone, Copy)]
pub struct KeptText(&'static str);

impl KeptText {
    pub fn of(name: &'static str) -> Self {
        Self(name)
    }

    /// In the browser only; empty where there is none.
    pub fn text(self) -> String {
        storage().and_then(|storage| storage.get_item(self.0).ok()?).unwrap_or_default()
    }

    pub fn keep(self, text: &str) {
        if let Some(storage) = storage() {
            // Refused where the browser is to keep nothing, or is full: then the text lives as long as its field.
            let _ = if text.is_empty() { storage.remove_item(self.0) } else { storage.set_item(self.0, text) };
        }
    }

    pub fn clear(self) {
        self.keep("");
    }
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
