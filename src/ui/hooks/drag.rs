//! Dragging with a mouse, a finger or a pen: when a press becomes a drag, the picture that follows the pointer, scrolling
//! near the edges, and the click afterwards that is none.
//!
//! Pointer events, as the browser's own drag and drop does not know fingers. An item is what bears `data-card-id`, and
//! what bears `data-scrolls` is scrolled. What is dragged stays where it is in the document until it is dropped.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use leptos::ev;
use leptos::html;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, HtmlElement, KeyboardEvent, PointerEvent};

/// A mouse that moves as far as this drags.
const MOUSE_SLOP_PX: f64 = 5.0;
/// A finger that rests as long as this drags; one that moves earlier scrolls.
const HOLD: Duration = Duration::from_millis(300);
const FINGER_SLOP_PX: f64 = 10.0;
/// As near to an edge as this it scrolls, up to so far in each frame.
const EDGE_PX: f64 = 56.0;
const SCROLL_PX: f64 = 14.0;

/// Who is told of a drag.
pub trait Dragging: Copy + 'static {
    /// The item of this id is about to be lifted. False leaves it.
    fn lift(self, id: &str) -> bool;
    /// The pointer is here, in the window's coordinates.
    fn over(self, x: f64, y: f64);
    /// The item was let go where the pointer last was.
    fn let_go(self);
    fn cancel(self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Pressed,
    Lifted,
    /// Over, until the next press: a click that comes now belongs to the drag.
    Ended,
}

/// What the element around all items has to ask at its own events.
#[derive(Clone, Copy)]
pub struct Drag {
    phase: StoredValue<Phase>,
}

impl Drag {
    /// Call on each `touchmove`: a drag does not scroll.
    pub fn keep_from_scrolling(self, event: &ev::TouchEvent) {
        if self.phase.get_value() == Phase::Lifted {
            event.prevent_default();
        }
    }

    /// Call on each `contextmenu`: a finger that rests wants to drag.
    pub fn keep_from_menu(self, event: &ev::MouseEvent) {
        if matches!(self.phase.get_value(), Phase::Pressed | Phase::Lifted) {
            event.prevent_default();
        }
    }

    /// Call on each `click`. True: it was the end of a drag, and nothing else.
    pub fn swallows(self, event: &ev::MouseEvent) -> bool {
        // A click without a count comes from the keyboard.
        let is_end = self.phase.get_value() == Phase::Ended && event.detail() > 0;
        if is_end {
            self.phase.set_value(Phase::Idle);
            event.prevent_default();
        }
        is_end
    }
}

/// Lets the items within `around` be dragged.
pub fn use_drag(around: NodeRef<html::Div>, dragging: impl Dragging) -> Drag {
    let drag = Drag { phase: StoredValue::new(Phase::Idle) };
    Effect::new(move |_| {
        let Some(around) = around.get() else { return };
        let hand = Rc::new(Hand { around: around.into(), drag, dragging, grip: RefCell::new(None) });
        let hears = ["pointerdown", "pointermove", "pointerup", "pointercancel", "keydown", "blur"];
        let listeners = hears.map(|name| {
            let hand = hand.clone();
            window_event_listener_untyped(name, move |event| hand.hear(event))
        });
        let hand = StoredValue::new_local(hand);
        on_cleanup(move || {
            listeners.into_iter().for_each(|listener| listener.remove());
            if let Some(hand) = hand.try_get_value() {
                hand.release();
            }
        });
    });
    drag
}

struct Hand<D> {
    around: Element,
    drag: Drag,
    dragging: D,
    grip: RefCell<Option<Grip>>,
}

/// An item that is pressed or dragged.
struct Grip {
    item: HtmlElement,
    pointer: i32,
    is_mouse: bool,
    from: (f64, f64),
    at: (f64, f64),
    hold: Option<TimeoutHandle>,
    /// What follows the pointer.
    picture: Option<HtmlElement>,
}

impl<D: Dragging> Hand<D> {
    fn hear(self: &Rc<Self>, event: leptos::web_sys::Event) {
        let kind = event.type_();
        match event.dyn_ref::<PointerEvent>() {
            Some(pointer) if kind == "pointerdown" => self.press(pointer),
            Some(pointer) if self.holds(pointer) => match kind.as_str() {
                "pointermove" => self.follow(pointer),
                "pointerup" => self.end(true),
                _ => self.end(false),
            },
            Some(_) => {}
            None => {
                let escapes = event.dyn_ref::<KeyboardEvent>().map(|event| event.key() == "Escape");
                if self.is_lifted() && escapes != Some(false) {
                    event.prevent_default();
                    self.end(false);
                }
            }
        }
    }

    fn holds(&self, event: &PointerEvent) -> bool {
        self.grip.borrow().as_ref().is_some_and(|grip| grip.pointer == event.pointer_id())
    }

    fn is_lifted(&self) -> bool {
        self.drag.phase.try_get_value() == Some(Phase::Lifted)
    }

    fn press(self: &Rc<Self>, event: &PointerEvent) {
        if self.grip.borrow().is_some() {
            return;
        }
        self.drag.phase.set_value(Phase::Idle);
        let with_key = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        if event.button() != 0 || !event.is_primary() || with_key {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(target) = target.filter(|target| self.around.contains(Some(target))) else { return };
        let within = |selector| target.closest(selector).ok().flatten();
        if within("button, summary, form").is_some() && within("[data-handle]").is_none() {
            return;
        }
        let Some(item) = within("[data-card-id]").and_then(|item| item.dyn_into().ok()) else { return };
        let is_mouse = event.pointer_type() == "mouse";
        let hand = self.clone();
        let hold = move || {
            if hand.grip.borrow().is_some() {
                hand.lift();
            }
        };
        let at = (f64::from(event.client_x()), f64::from(event.client_y()));
        let hold = if is_mouse { None } else { set_timeout_with_handle(hold, HOLD).ok() };
        let grip = Grip { item, pointer: event.pointer_id(), is_mouse, from: at, at, hold, picture: None };
        self.grip.replace(Some(grip));
        self.drag.phase.set_value(Phase::Pressed);
    }

    fn follow(self: &Rc<Self>, event: &PointerEvent) {
        let (is_mouse, way) = {
            let mut grip = self.grip.borrow_mut();
            let Some(grip) = grip.as_mut() else { return };
            grip.at = (f64::from(event.client_x()), f64::from(event.client_y()));
            grip.draw();
            (grip.is_mouse, (grip.at.0 - grip.from.0).hypot(grip.at.1 - grip.from.1))
        };
        let is_lifted = self.is_lifted();
        // Let go where nobody could tell, or a finger that scrolls.
        if (is_mouse && event.buttons() == 0) || (!is_mouse && !is_lifted && way > FINGER_SLOP_PX) {
            self.end(false);
        } else if is_mouse && !is_lifted && way > MOUSE_SLOP_PX {
            self.lift();
        }
    }

    fn lift(self: &Rc<Self>) {
        let item = self.grip.borrow().as_ref().map(|grip| grip.item.clone());
        let Some(id) = item.and_then(|item| item.get_attribute("data-card-id")) else { return };
        if !self.dragging.lift(&id) {
            return self.end(false);
        }
        if let Some(grip) = self.grip.borrow_mut().as_mut() {
            grip.picture = picture(&grip.item);
            grip.draw();
        }
        self.drag.phase.set_value(Phase::Lifted);
        self.clone().each_frame();
    }

    /// Scrolls where the pointer is near an edge, and tells where it is now.
    fn each_frame(self: Rc<Self>) {
        let at = self.grip.borrow().as_ref().map(|grip| grip.at);
        let Some((x, y)) = at.filter(|_| self.is_lifted()) else { return };
        scroll_near_edges(x, y);
        self.dragging.over(x, y);
        request_animation_frame(move || self.each_frame());
    }

    fn end(&self, is_dropped: bool) {
        let was_lifted = self.is_lifted();
        let at = self.release();
        self.drag.phase.set_value(if was_lifted { Phase::Ended } else { Phase::Idle });
        match at {
            Some((x, y)) if was_lifted && is_dropped => {
                self.dragging.over(x, y);
                self.dragging.let_go();
            }
            _ if was_lifted => self.dragging.cancel(),
            _ => {}
        }
    }

    /// Answers where the pointer was.
    fn release(&self) -> Option<(f64, f64)> {
        let grip = self.grip.take()?;
        if let Some(hold) = grip.hold {
            hold.clear();
        }
        if let Some(picture) = grip.picture {
            picture.remove();
        }
        Some(grip.at)
    }
}

impl Grip {
    fn draw(&self) {
        let Some(picture) = &self.picture else { return };
        let (x, y) = (self.at.0 - self.from.0, self.at.1 - self.from.1);
        // Refused only for a malformed name.
        let _ = picture.style().set_property("translate", &format!("{}px {}px", x.round() as i64, y.round() as i64));
    }
}

/// A copy of the item that lies above all else, where the item is.
fn picture(item: &HtmlElement) -> Option<HtmlElement> {
    let copy: HtmlElement = item.clone_node_with_deep(true).ok()?.dyn_into().ok()?;
    for name in ["data-card-id", "data-testid", "data-lifted"] {
        copy.remove_attribute(name).ok()?;
    }
    copy.set_attribute("aria-hidden", "true").ok()?;
    copy.set_attribute("data-picture", "").ok()?;
    let place = item.get_bounding_client_rect();
    for (name, px) in
        [("left", place.left()), ("top", place.top()), ("width", place.width()), ("height", place.height())]
    {
        copy.style().set_property(name, &format!("{}px", px.round() as i64)).ok()?;
    }
    document().body()?.append_child(&copy).ok()?;
    Some(copy)
}

fn scroll_near_edges(x: f64, y: f64) {
    let mut next = document().element_from_point(x as f32, y as f32);
    while let Some(list) = next.and_then(|element| element.closest("[data-scrolls]").ok().flatten()) {
        let place = list.get_bounding_client_rect();
        scroll(&list, pull(x, place.left(), place.right()), pull(y, place.top(), place.bottom()));
        next = list.parent_element();
    }
    if let Some(page) = document().document_element() {
        scroll(&page, 0, pull(y, 0.0, f64::from(page.client_height())));
    }
}

fn scroll(element: &Element, x: i32, y: i32) {
    if x != 0 {
        element.set_scroll_left(element.scroll_left() + x);
    }
    if y != 0 {
        element.set_scroll_top(element.scroll_top() + y);
    }
}

/// How far a frame scrolls between two edges with the pointer at `at`: the nearer to one of them, the farther.
fn pull(at: f64, from: f64, to: f64) -> i32 {
    let edge = EDGE_PX.min((to - from) / 3.0);
    let beyond = if at < from + edge { at - from - edge } else { (at - to + edge).max(0.0) };
    (beyond / edge.max(1.0) * SCROLL_PX).clamp(-SCROLL_PX, SCROLL_PX) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_scrolls_near_the_edges_only_and_faster_the_nearer() {
        assert_eq!(pull(300.0, 0.0, 600.0), 0);
        assert_eq!(pull(0.0, 0.0, 600.0), -14);
        assert_eq!(pull(28.0, 0.0, 600.0), -7);
        assert_eq!(pull(572.0, 0.0, 600.0), 7);
        assert_eq!(pull(900.0, 0.0, 600.0), 14);
    }
}
