//! Modal dialogs: the browser's own `<dialog>`, which keeps focus inside, closes on Escape and gives focus back.

use leptos::html;
use leptos::prelude::*;

/// A `<dialog>` that can be opened and closed.
#[derive(Clone, Copy)]
pub struct Modal {
    pub element: NodeRef<html::Dialog>,
}

impl Modal {
    pub fn new() -> Self {
        Self { element: NodeRef::new() }
    }

    pub fn open(self) {
        if let Some(dialog) = self.element.get_untracked()
            && !dialog.open()
        {
            // Refused only for a dialog that is open already, or is no longer in the page.
            let _ = dialog.show_modal();
        }
    }

    pub fn close(self) {
        if let Some(dialog) = self.element.get_untracked() {
            dialog.close();
        }
    }
}
