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
pub struct KeptText(StoredValue<String>);

impl KeptText {
    pub fn of(name: impl Into<String>) -> Self {
        Self(StoredValue::new(name.into()))
    }

    /// In the browser only; empty where there is none.
    pub fn text(self) -> String {
        self.0.with_value(|name| storage().and_then(|storage| storage.get_item(name).ok()?)).unwrap_or_default()
    }

    pub fn keep(self, text: &str) {
        // Its page may be gone by now.
        let _ = self.0.try_with_value(|name| {
            // Refused where the browser is to keep nothing, or is full: then the text lives as long as its field.
            storage()
                .map(|storage| if text.is_empty() { storage.remove_item(name) } else { storage.set_item(name, text) })
        });
    }

    pub fn clear(self) {
        self.keep("");
    }
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
