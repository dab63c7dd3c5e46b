//! The text in the browser's tab.

use leptos::prelude::*;

/// A page's title, as it changes. The server writes it into the document's head when it may have let go of the page's
/// signals already; then it is what it was at first.
pub fn title_of(text: Memo<String>) -> impl Fn() -> String + Send + Sync + 'static {
    let first = text.get_untracked();
    move || text.try_get().unwrap_or_else(|| first.clone())
}
