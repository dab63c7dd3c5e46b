//! Where the keyboard's focus is when things move under it.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;

/// Whether the reader has seen a page of ours since the document was loaded.
#[derive(Clone, Copy)]
struct Visit(StoredValue<bool>);

pub fn provide_visit() {
    provide_context(Visit(StoredValue::new(false)));
}

/// Puts focus on a page's content when a link has led to it, as a browser does when it loads a document. The first page
/// is the document's own.
pub fn use_page_focus() {
    let visit = expect_context::<Visit>();
    Effect::new(move |_| {
        if visit.0.get_value() {
            request_animation_frame(|| focus_on("#main"));
        }
        visit.0.set_value(true);
    });
}

/// Runs `change`; where that moves the card which has focus to another column, gives focus back to it.
pub fn keep_focus_on_card(change: impl FnOnce()) {
    let card = document()
        .active_element()
        .and_then(|element| element.closest("[data-card-id]").ok().flatten())
        .and_then(|card| card.get_attribute("data-card-id"));
    change();
    let Some(card) = card else { return };
    request_animation_frame(move || {
        let is_lost = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
        if is_lost {
            focus_on(&format!("[data-card-id='{card}'] a"));
        }
    });
}

/// Puts focus on a field as soon as it is in the page.
pub fn focus_when_there(field: NodeRef<Input>) {
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // Refused only for an element that cannot have focus.
            request_animation_frame(move || drop(field.focus()));
        }
    });
}

fn focus_on(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Refused only for an element that cannot have focus.
        let _ = element.focus();
    }
}
