//! A scrolled list that shows a part of a longer one: it follows the end while the reader is there, and stands still while
//! not. Empty space stands for the rows that are not here, so that the scroll bar tells where in the whole one is.

use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use leptos::web_sys::{Element, HtmlElement, ResizeObserver};

use super::hydrated::{Hydrated, use_hydrated};

/// As near to the end as this counts as being there.
const NEAR_PX: i32 = 32;
/// So much space stands for a row that is not here…
const ROW_PX: f64 = 20.0;
/// …unless all of it together were more than this: browsers draw no element of any height.
const SPACE_MAX_PX: f64 = 8_000_000.0;
/// More rows are wanted when fewer than this many views of them are left in the direction in which they lie.
const VIEWS_AHEAD: f64 = 1.5;

/// The scrolling of one list.
#[derive(Clone, Copy)]
pub struct FollowEnd {
    /// What scrolls.
    pub element: NodeRef<html::Div>,
    /// The rows that are here, each with its number in `data-sequence`.
    pub rows: NodeRef<html::Ol>,
    /// The spaces for those that are not.
    pub before: NodeRef<html::Div>,
    pub after: NodeRef<html::Div>,
    at_end: RwSignal<bool>,
    hydrated: Hydrated,
    /// Where it was scrolled to when last looked at.
    top: StoredValue<i32>,
    /// How many rows the spaces stand for, and what each of them gets.
    space: StoredValue<(i64, i64, f64)>,
}

/// Which rows the reader needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Earlier,
    Later,
    /// About this many rows lie before what is looked at.
    Around(i64),
}

impl FollowEnd {
    /// Starts at the end, or else where the list begins.
    pub fn new(at_end: bool) -> Self {
        let follow = Self {
            element: NodeRef::new(),
            rows: NodeRef::new(),
            before: NodeRef::new(),
            after: NodeRef::new(),
            at_end: RwSignal::new(at_end),
            hydrated: use_hydrated(),
            top: StoredValue::new(0),
            space: StoredValue::new((0, 0, ROW_PX)),
        };
        Effect::new(move |_| follow.grown());
        Effect::new(move |_| follow.stay_when_resized());
        follow
    }

    /// A list that becomes lower, or whose lines break anew, has its end elsewhere.
    fn stay_when_resized(self) {
        let Some(list) = self.element.get() else { return };
        let stay = Closure::<dyn Fn()>::new(move || {
            if self.at_end.try_get_untracked() == Some(true) {
                self.go_to_end();
            }
        });
        let Ok(observer) = ResizeObserver::new(stay.as_ref().unchecked_ref()) else { return };
        observer.observe(&list);
        let held = StoredValue::new_local((observer, stay));
        on_cleanup(move || {
            held.try_with_value(|(observer, _)| observer.disconnect());
        });
    }

    /// Whether the reader is at the end.
    pub fn at_end(self) -> bool {
        self.at_end.get()
    }

    pub fn at_end_untracked(self) -> bool {
        self.at_end.get_untracked()
    }

    /// Call once the rows that the page was loaded with are in it: makes space for the others, and goes to the end or stays
    /// with what is being read. At once: the browser scrolls a list by itself while it grows, and must have come to rest
    /// before it tells where the reader is.
    pub fn begin(self, before: i64, after: i64) {
        let stay = self.anchor();
        self.make_space(before, after);
        if self.at_end.get_untracked() {
            self.go_to_end();
        } else {
            stay();
        }
    }

    /// Call when the list has been scrolled. Only scrolling back leaves the end: that the end has moved on does not,
    /// however the browser orders the two. While the page is being taken over nobody has scrolled: the spaces come.
    pub fn scrolled(self) {
        let Some(list) = self.list().filter(|_| self.hydrated.get_untracked()) else { return };
        let top = list.scroll_top();
        let went_back = top < self.top.get_value();
        self.top.set_value(top);
        let is_near = list.scroll_height() - top - list.client_height() <= NEAR_PX;
        self.set_at_end(is_near || (self.at_end.get_untracked() && !went_back));
    }

    fn set_at_end(self, at_end: bool) {
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
        }
    }

    /// What is wanted where the reader is; `None` where enough is there.
    pub fn wanted(self) -> Option<Wanted> {
        let (list, rows) = (self.list()?, self.rows.try_get_untracked().flatten()?);
        let (before, after, row_px) = self.space.get_value();
        let (view, here) = (list.get_bounding_client_rect(), rows.get_bounding_client_rect());
        let ahead = VIEWS_AHEAD * view.height();
        let (above, below) = (view.top() - here.top(), here.bottom() - view.bottom());
        if before > 0 && above < -view.height() {
            Some(Wanted::Around((f64::from(list.scroll_top()) / row_px) as i64))
        } else if after > 0 && below < -view.height() {
            let passed = ((view.top() - here.bottom()) / row_px) as i64;
            Some(Wanted::Around(before + self.count() + passed))
        } else if before > 0 && above < ahead {
            Some(Wanted::Earlier)
        } else if after > 0 && below < ahead {
            Some(Wanted::Later)
        } else {
            None
        }
    }

    fn count(self) -> i64 {
        self.rows.try_get_untracked().flatten().map_or(0, |rows| i64::from(rows.child_element_count()))
    }

    /// Makes space for so many rows before and after those that are here.
    pub fn make_space(self, before: i64, after: i64) {
        let row_px = (SPACE_MAX_PX / (before + after).max(1) as f64).min(ROW_PX);
        self.space.set_value((before, after, row_px));
        for (space, rows) in [(self.before, before), (self.after, after)] {
            if let Some(space) = space.try_get_untracked().flatten() {
                let height = format!("{}px", (rows as f64 * row_px) as i64);
                // Refused only for a property that there is not.
                let _ = HtmlElement::from(space).style().set_property("height", &height);
            }
        }
    }

    /// Call when the reader is about to scroll back: what comes meanwhile does not undo it.
    pub fn leave_end(self) {
        if self.list().is_some_and(|list| list.scroll_height() > list.client_height()) {
            self.set_at_end(false);
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
            if self.at_end.try_get_untracked() == Some(true) {
                self.go_to_end();
            }
        });
    }

    fn go_to_end(self) {
        if let Some(list) = self.list() {
            list.set_scroll_top(list.scroll_height());
            self.top.set_value(list.scroll_top());
        }
    }

    /// Runs `change`, which adds rows or takes some away, and keeps what is being read where it is.
    pub fn hold(self, change: impl FnOnce()) {
        let stay = self.anchor();
        change();
        request_animation_frame(stay);
    }

    /// What brings back to its place what is being read now.
    fn anchor(self) -> impl FnOnce() + 'static {
        let anchor = self.first_in_view().map(|row| (row.get_bounding_client_rect().top(), row));
        move || {
            if let Some((before, row)) = anchor
                && row.is_connected()
            {
                self.scroll_by(row.get_bounding_client_rect().top() - before);
            }
        }
    }

    /// Leaves the end, and brings a row into view; where it is in view already, nothing moves. A list that is in view as
    /// a whole has no end to be left.
    pub fn reveal(self, sequence: i64) {
        self.show(sequence, false);
    }

    /// Begins with a row, wherever the browser has scrolled to by itself.
    pub fn open_at(self, sequence: i64) {
        self.show(sequence, true);
    }

    fn show(self, sequence: i64, anyway: bool) {
        self.set_at_end(false);
        // At once where it is there: the browser may be about to tell of a scrolling of its own.
        if self.bring_into_view(sequence, anyway).is_none() {
            request_animation_frame(move || {
                self.bring_into_view(sequence, anyway);
            });
        }
    }

    /// `None` where there is no such row to be seen.
    fn bring_into_view(self, sequence: i64, anyway: bool) -> Option<()> {
        let list = self.list().filter(|list| list.client_height() > 0)?;
        let row = list.query_selector(&format!("[data-sequence='{sequence}']")).ok()??;
        let (view, row) = (list.get_bounding_client_rect(), row.get_bounding_client_rect());
        if list.scroll_height() <= list.client_height() {
            self.set_at_end(true);
        } else if anyway || row.top() < view.top() || row.bottom() > view.bottom() {
            self.set_at_end(false);
            self.scroll_by(row.top() - view.top() - view.height() / 3.0);
        }
        Some(())
    }

    fn scroll_by(self, px: f64) {
        let Some(list) = self.list() else { return };
        list.set_scroll_top(list.scroll_top() + px.round() as i32);
        self.top.try_update_value(|top| *top = list.scroll_top());
    }

    fn first_in_view(self) -> Option<Element> {
        let view = self.list()?.get_bounding_client_rect();
        let x = (view.left() + view.width() / 2.0) as f32;
        // Where the list begins there may be a margin.
        [4.0, 24.0, 64.0]
            .iter()
            .find_map(|y| document().element_from_point(x, (view.top() + y) as f32)?.closest("[data-sequence]").ok()?)
    }

    fn list(self) -> Option<Element> {
        self.element.try_get_untracked().flatten().map(|list| list.into())
    }
}
