//! Whether the page listens yet.

use leptos::prelude::*;

/// False on the server and while the browser takes the page over; true from then on.
#[derive(Clone, Copy)]
pub struct Hydrated(RwSignal<bool>);

impl Hydrated {
    pub fn get(self) -> bool {
        self.0.get()
    }

    pub fn get_untracked(self) -> bool {
        self.0.get_untracked()
    }

    /// Call once every listener is there. Marks `<html>` with `data-hydrated`.
    #[cfg(feature = "hydrate")]
    pub fn begin(self) {
        self.0.set(true);
        if let Some(root) = document().document_element() {
            // Refused only for a malformed name.
            let _ = root.set_attribute("data-hydrated", "");
        }
    }
}

pub fn provide_hydrated() {
    provide_context(Hydrated(RwSignal::new(false)));
}

pub fn use_hydrated() -> Hydrated {
    expect_context()
}
