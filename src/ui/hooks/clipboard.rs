//! The clipboard.

/// Copies a text; `done` hears whether the browser let it. Call it while somebody presses something.
#[cfg(feature = "hydrate")]
pub fn copy_text(text: String, done: impl FnOnce(bool) + 'static) {
    use leptos::prelude::window;
    use leptos::task::spawn_local;
    use leptos::wasm_bindgen::JsValue;
    use leptos::web_sys::js_sys::Reflect;

    let navigator = window().navigator();
    // A page that came over plain HTTP from another machine has no clipboard.
    if !Reflect::get(&navigator, &JsValue::from_str("clipboard")).is_ok_and(|clipboard| clipboard.is_object()) {
        return done(copy_by_selection(&text).unwrap_or(false));
    }
    let copied = navigator.clipboard().write_text(&text);
    spawn_local(async move { done(wasm_bindgen_futures::JsFuture::from(copied).await.is_ok()) });
}

/// The old way: what is selected in a field.
#[cfg(feature = "hydrate")]
fn copy_by_selection(text: &str) -> Option<bool> {
    use leptos::prelude::document;
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::{HtmlDocument, HtmlTextAreaElement};

    let document = document();
    let field = document.create_element("textarea").ok()?.dyn_into::<HtmlTextAreaElement>().ok()?;
    field.set_value(text);
    document.body()?.append_child(&field).ok()?;
    field.select();
    let is_copied = document.dyn_into::<HtmlDocument>().ok()?.exec_command("copy").unwrap_or(false);
    field.remove();
    Some(is_copied)
}

#[cfg(not(feature = "hydrate"))]
pub fn copy_text(_: String, done: impl FnOnce(bool) + 'static) {
    done(false);
}
