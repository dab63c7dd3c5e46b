//! The language that the page speaks, which does not change while it is there: another one is another page.

use leptos::prelude::*;

use crate::ui::words::i18n::Locale;

/// The language of what is rendered now. On the server the request decides, and English stands in for an answer that
/// nobody asked for in any other.
#[cfg(not(feature = "hydrate"))]
pub fn language() -> Locale {
    use_context().unwrap_or_default()
}

/// The language in which the server has rendered the page.
#[cfg(feature = "hydrate")]
pub fn language() -> Locale {
    use std::sync::OnceLock;
    static LANGUAGE: OnceLock<Locale> = OnceLock::new();
    *LANGUAGE.get_or_init(|| {
        let root = document().document_element();
        root.and_then(|root| root.get_attribute("lang")?.parse().ok()).unwrap_or_default()
    })
}
