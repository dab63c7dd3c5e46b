//! Whether the page listens yet.

use leptos::prelude::*;

/// False on the server and while the browser takes the page over; true from then on.
#[derive(Clone, Copy)]
pub struct Hydrated(RwSignal<bool>);

impl Hydrated {
    pub fn get(self) -> bool {
        self.0.get()
    }
}

/// Marks `<html>` with `data-hydrated` once every listener is there.
pub fn provide_hydrated() {
    let hydrated = Hydrated(RwSignal::new(false));
    provide_context(hydrated);
    Effect::new(move |_| {
        hydrated.0.set(true);
        if let Some(root) = document().document_element() {
            // Refused only for a malformed name.
            let _ = root.set_attribute("data-hydrated", "");
        }
    });
}

pub fn use_hydrated() -> Hydrated {
    expect_context()
}
