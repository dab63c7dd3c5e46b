//! What changes by itself.
//!
//! Every closure is a type of its own, and the browser's code for it would be compiled anew each time. Boxed, those that
//! answer the same share theirs.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

/// A text or an attribute that changes.
pub type Live<T> = Box<dyn FnMut() -> T + Send>;

/// A text or an attribute's value, as it is at every time.
pub fn live<T>(value: impl FnMut() -> T + Send + 'static) -> Live<T> {
    Box::new(value)
}

/// A part of the page, as it is at every time.
pub fn shown<V: IntoView + 'static>(mut view: impl FnMut() -> V + Send + 'static) -> Live<AnyView> {
    Box::new(move || view().into_any())
}

/// What is done when something is pressed.
pub fn pressed(act: impl FnMut(MouseEvent) + 'static) -> Box<dyn FnMut(MouseEvent)> {
    Box::new(act)
}
