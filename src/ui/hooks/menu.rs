//! Menus made of `<details>`: they close on Escape and when one goes elsewhere, as the browser's own do.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Node;

/// A `<details>` that lies above the page while it is open.
#[derive(Clone, Copy)]
pub struct Menu {
    pub element: NodeRef<html::Details>,
    is_open: RwSignal<bool>,
}

impl Menu {
    pub fn new() -> Self {
        let menu = Self { element: NodeRef::new(), is_open: RwSignal::new(false) };
        Effect::new(move |_| {
            let listener = window_event_listener(ev::pointerdown, move |event| menu.left_for(event.target()));
            on_cleanup(move || listener.remove());
        });
        menu
    }

    /// Whether it is open; only where scripts run.
    pub fn is_open(self) -> bool {
        self.is_open.get()
    }

    pub fn close(self) {
        if let Some(menu) = self.element.get_untracked() {
            menu.set_open(false);
        }
    }

    /// Call when the browser has opened or closed it.
    pub fn toggled(self) {
        self.is_open.set(self.element.get_untracked().is_some_and(|menu| menu.open()));
    }

    /// Call on each key within it.
    pub fn key(self, event: &ev::KeyboardEvent) {
        let Some(menu) = self.element.get_untracked() else { return };
        if event.key() == "Escape" && menu.open() {
            menu.set_open(false);
            if let Ok(Some(summary)) = menu.query_selector("summary")
                && let Ok(summary) = summary.dyn_into::<leptos::web_sys::HtmlElement>()
            {
                // Refused only for an element that cannot have focus.
                let _ = summary.focus();
            }
        }
    }

    /// Call when focus goes from something within it.
    pub fn focus_left(self, event: &ev::FocusEvent) {
        if event.related_target().is_some() {
            self.left_for(event.related_target());
        }
    }

    fn left_for(self, target: Option<leptos::web_sys::EventTarget>) {
        let Some(menu) = self.element.try_get_untracked().flatten() else { return };
        let target = target.and_then(|target| target.dyn_into::<Node>().ok());
        if menu.open() && !menu.contains(target.as_ref()) {
            menu.set_open(false);
        }
    }
}
