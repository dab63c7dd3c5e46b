//! A scrolled list that grows at its end: it follows the end while the reader is there, and stands still while not.

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::Element;

/// As near to the end as this counts as being there.
const NEAR_PX: i32 = 32;

/// The scrolling of one list.
#[derive(Clone, Copy)]
pub struct FollowEnd {
    pub element: NodeRef<html::Div>,
    at_end: RwSignal<bool>,
    /// Where it was scrolled to when last looked at.
    top: StoredValue<i32>,
}

impl FollowEnd {
    /// Starts at the end.
    pub fn new() -> Self {
        let follow = Self { element: NodeRef::new(), at_end: RwSignal::new(true), top: StoredValue::new(0) };
        Effect::new(move |_| follow.to_end());
        follow
    }

    /// Whether the reader is at the end.
    pub fn at_end(self) -> bool {
        self.at_end.get()
    }

    pub fn at_end_untracked(self) -> bool {
        self.at_end.get_untracked()
    }

    /// Call when the list has been scrolled. Only scrolling back leaves the end: that the end has moved on does not,
    /// however the browser orders the two.
    pub fn scrolled(self) {
        let Some(list) = self.list() else { return };
        let top = list.scroll_top();
        let went_back = top < self.top.get_value();
        self.top.set_value(top);
        let is_near = list.scroll_height() - top - list.client_height() <= NEAR_PX;
        let at_end = is_near || (self.at_end.get_untracked() && !went_back);
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
        }
    }

    /// Goes to the end, and stays there.
    pub fn to_end(self) {
        self.at_end.set(true);
        self.grown();
    }

    /// Call when rows have been added at the end.
    pub fn grown(self) {
        request_animation_frame(move || {
            // The list may be gone by now, and its signals with it.
            if self.at_end.try_get_untracked() == Some(true)
                && let Some(list) = self.list()
            {
                list.set_scroll_top(list.scroll_height());
                self.top.set_value(list.scroll_top());
            }
        });
    }

    /// Runs `change`, which adds rows at the beginning, and keeps what is being read where it is.
    pub fn hold(self, change: impl FnOnce()) {
        let before = self.list().map(|list| list.scroll_height() - list.scroll_top());
        change();
        let Some(to_end) = before else { return };
        request_animation_frame(move || {
            if let Some(list) = self.list() {
                list.set_scroll_top(list.scroll_height() - to_end);
                self.top.try_update_value(|top| *top = list.scroll_top());
            }
        });
    }

    fn list(self) -> Option<Element> {
        self.element.try_get_untracked().flatten().map(|list| list.into())
    }
}
