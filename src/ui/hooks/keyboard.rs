//! Keyboard shortcuts.

use leptos::ev;
use leptos::prelude::*;

/// Runs `action` when `key` is pressed by itself, unless the reader is typing or a dialog is open.
pub fn on_key(key: &'static str, action: impl Fn() + Clone + 'static) {
    Effect::new(move |_| {
        let action = action.clone();
        let listener = window_event_listener(ev::keydown, move |event| {
            let bare = !(event.ctrl_key() || event.meta_key() || event.alt_key() || event.repeat());
            if bare && event.key() == key && !is_typing() && !dialog_is_open() {
                event.prevent_default();
                action();
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Runs `action` when `key` is pressed with Ctrl or ⌘, whatever the reader is doing.
pub fn on_chord(key: &'static str, action: impl Fn() + Clone + 'static) {
    Effect::new(move |_| {
        let action = action.clone();
        let listener = window_event_listener(ev::keydown, move |event| {
            let is_chord = (event.ctrl_key() || event.meta_key()) && !event.alt_key() && !event.shift_key();
            if is_chord && event.key() == key {
                event.prevent_default();
                if !dialog_is_open() {
                    action();
                }
            }
        });
        on_cleanup(move || listener.remove());
    });
}

/// Whether this key sends a form from within a text of several lines: Ctrl+Enter or ⌘+Enter.
pub fn submits(event: &ev::KeyboardEvent) -> bool {
    event.key() == "Enter" && (event.ctrl_key() || event.meta_key())
}

fn is_typing() -> bool {
    let Some(focused) = document().active_element() else { return false };
    // A dialog that has just closed keeps the focus until the browser draws the page again.
    let is_gone = focused.closest("dialog:not([open])").is_ok_and(|dialog| dialog.is_some());
    matches!(focused.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") && !is_gone
}

fn dialog_is_open() -> bool {
    document().query_selector("dialog[open]").is_ok_and(|dialog| dialog.is_some())
}
